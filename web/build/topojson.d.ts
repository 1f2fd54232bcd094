declare module 'topojson-client' {
  interface Topology { objects: Record<string, unknown> }
  export function feature(topology: Topology, object: unknown): unknown;
  export function mesh(topology: Topology, object: unknown, filter: (a: { id: string }, b: { id: string }) => boolean): { coordinates: unknown };
}
