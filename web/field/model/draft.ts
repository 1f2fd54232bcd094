import { makeID } from '../../sdk/index.ts';
import type { Draft, Filled, Stop } from './session.ts';

/** An empty night stop at a place, begun now (Unix ms). */
export const newStop = (place: string, now: number): Stop => ({
  kind: 'observations', id: makeID(), place, seen: null, begun: now, changed: now, note: '', managerInvolved: false,
  indicators: {}, vehicle: '', color: '', plateState: '', plateEnd: '', adults: 0, under18: 0, kits: 0, cards: 0,
});

/** An empty checklist at a place, begun now (Unix ms). */
export const newFilled = (checklist: string, place: string, now: number): Filled => ({
  kind: 'submissions', id: makeID(), place, seen: null, begun: now, changed: now, note: '', managerInvolved: false,
  checklist, about: '', answers: {}, basis: {}, wentOn: [],
});

/** Where it was and of which joint effort; `cell` is the one of its site. */
const where = (d: Draft, cell: string): Record<string, unknown> => ({
  ...(d.place && { site: d.place }),
  ...((d.grid || cell) && { grid: d.grid || cell }),
  ...(d.point && { point: d.point }),
  ...(d.effort && { operation: d.effort.id }),
});

/** The fields of an observation (protocol: "Fields that every client may count on"). */
export function observation(d: Stop, cell = ''): Record<string, unknown> {
  const persons = [...Array<string>(d.adults).fill('adult'), ...Array<string>(d.under18).fill('teen')].map((age) => ({ age, description: [] }));
  const vehicle = { kind: d.vehicle, color: d.color, plate_state: d.plateState, plate_end: d.plateEnd };
  const outreach = [...(d.kits ? [`hygiene_kits_${d.kits}`] : []), ...(d.cards ? [`cards_${d.cards}`] : [])];
  return {
    event_time: new Date(d.seen ?? d.begun).toISOString(),
    indicators: Object.entries(d.indicators).map(([indicator, basis]) => ({ indicator, basis })),
    ...where(d, cell),
    ...(d.adults + d.under18 > 0 && { people: d.adults + d.under18, persons }),
    ...(d.vehicle && d.vehicle !== 'none' && { vehicles: [Object.fromEntries(Object.entries(vehicle).filter(([, v]) => v))] }),
    ...(outreach.length > 0 && { outreach }),
    ...(d.under18 > 0 && { minor_possible: true }),
    ...(d.note.trim() && { note: d.note.trim() }),
    ...(d.managerInvolved && { manager_involved: true }),
  };
}

/** The fields of a submission of version `version`; `asked` are the items that were asked, others' answers do not go. */
export function submission(d: Filled, version: number, asked: string[], cell = ''): Record<string, unknown> {
  const only = <T>(m: Record<string, T>) => Object.fromEntries(Object.entries(m).filter(([k]) => asked.includes(k)));
  return {
    checklist: d.checklist, version, event_time: new Date(d.seen ?? d.begun).toISOString(), answers: only(d.answers),
    ...(Object.keys(only(d.basis)).length > 0 && { basis: only(d.basis) }),
    ...(d.about && { about: d.about }),
    ...where(d, cell),
    ...(d.note.trim() && { note: d.note.trim() }),
    ...(d.managerInvolved && { manager_involved: true }),
  };
}

/** Whether what was written is hard to have seen: an emergency item, or a child (R21). */
export const hard = (emergency: boolean, under18: number): boolean => emergency || under18 > 0;
