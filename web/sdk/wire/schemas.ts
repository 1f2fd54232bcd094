/**
 * How what was made under an older schema is read. A mutation goes out as it
 * was made (PUSH-9); only the screen shows it as this build's schema has it.
 */
import type { Json, JsonObject } from './json.ts';
import type { Op } from './messages.ts';
import type { Problem } from './decode.ts';

/** The version of the collections' fields that this build has. */
export const SCHEMA = 2;

/** The values of organizations.type. */
export const ORGANIZATION_TYPES = ['outreach', 'service_provider', 'law_enforcement', 'government', 'labor', 'health',
  'education', 'faith', 'business', 'international', 'other'] as const;

interface Successor {
  to: string;
  /** Of a text that has become a choice: the choice for each text that stands for one, and the field that keeps the words of all others. */
  choices?: ReadonlyMap<string, string>;
  words?: string;
  /** Of a yes or no that has become an element of the set `to`. */
  element?: string;
}

const kinds = new Map<string, string>([['', ''], ['provider', 'service_provider'], ...ORGANIZATION_TYPES.map((t): [string, string] => [t, t])]);

/** steps[i] leads from schema i to the next: by collection and field. */
const steps: { [collection: string]: { [field: string]: Successor } }[] = [
  {},
  {
    organizations: {
      allow_plate: { to: 'allows', element: 'plates' },
      allow_staff_note: { to: 'allows', element: 'staff_notes' },
      kind: { to: 'type', words: 'type_text', choices: kinds },
    },
  },
];

/** An op as this build's schema has it; `from` is the schema that it was made under. `kept` are fields whose successor the op names too. */
export function upgrade(op: Op, from: number): { op: Op; kept?: JsonObject; problem?: Problem } {
  let kept: JsonObject | undefined;
  let current = op;
  for (let s = from; s >= 1 && s < SCHEMA; s++) {
    const changed = steps[s]?.[current.collection];
    const fields = current.fields;
    if (!changed || !fields || !Object.keys(changed).some((f) => f in fields)) continue;
    const next: JsonObject = {};
    for (const f of Object.keys(fields)) if (!(f in changed)) next[f] = fields[f]!;
    for (const f of Object.keys(changed).sort()) {
      if (!(f in fields)) continue;
      const successor = changed[f]!;
      if (successor.to in fields) (kept ??= {})[f] = fields[f]!;
      else if (!carry(successor, next, fields[f]!, current.op === 'create')) {
        return { op, problem: { code: 'invalid', message: `${f} is not true or false.` } };
      }
    }
    current = { ...current, fields: next };
  }
  return kept ? { op: current, kept } : { op: current };
}

function carry(s: Successor, into: JsonObject, v: Json, create: boolean): boolean {
  if (s.element !== undefined) {
    if (typeof v !== 'boolean' && v !== null) return false; // null was no, as it is for every yes or no
    put(s, into, v === true, create);
    return true;
  }
  if (!s.choices) {
    into[s.to] = v;
    return true;
  }
  if (typeof v !== 'string' && v !== null) {
    into[s.to] = v; // it is refused for its type, as it was
    return true;
  }
  let text = v ?? '';
  const choice = s.choices.get(text);
  into[s.to] = choice ?? 'other';
  if (choice !== undefined) text = '';
  // A create says only what there is to say.
  if (s.words !== undefined && !(s.words in into) && !(create && text === '')) into[s.words] = text;
  return true;
}

function put(s: Successor, into: JsonObject, yes: boolean, create: boolean): void {
  const element = s.element!;
  if (create) {
    const list = Array.isArray(into[s.to]) ? (into[s.to] as Json[]) : [];
    into[s.to] = yes ? [...list, element] : list;
    return;
  }
  const edit = (into[s.to] as JsonObject | undefined) ?? {};
  const member = yes ? 'add' : 'remove';
  edit[member] = [...((edit[member] as Json[] | undefined) ?? []), element];
  into[s.to] = edit;
}
