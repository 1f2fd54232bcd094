declare module 'virtual:counties' {
  /** The address of the county lines. */
  const url: string;
  export default url;
}
declare module 'maplibre-gl/dist/maplibre-gl-worker.mjs?worker&url' {
  const url: string;
  export default url;
}
