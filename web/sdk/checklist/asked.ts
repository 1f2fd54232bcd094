import { parseExpression } from './expression.ts';

/** What of an item its asking depends on. */
export interface Conditions {
  id: string;
  relevant?: string;
  constraint?: string;
  required?: boolean;
}

/** Answers by item id: yes, no or unsure. */
export type Answers = Readonly<Record<string, string>>;

const answerOf = (from: Answers, id: string): string => (Object.hasOwn(from, id) ? from[id]! : '');

function holds(condition: string, given: Answers, own: string): boolean {
  try {
    return parseExpression(condition).holds((name) => answerOf(given, name), own);
  } catch {
    return true; // a condition that can't be read hides nothing: better a question too many
  }
}

/**
 * The items that a person is asked, in order. An answer to an item that is not
 * asked counts as none in the conditions after it.
 */
export function asked<T extends Conditions>(items: readonly T[], answers: Answers): T[] {
  const out: T[] = [];
  const given: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const item of items) {
    if (item.relevant && !holds(item.relevant, given, answerOf(given, item.id))) continue;
    out.push(item);
    const a = answerOf(answers, item.id);
    if (a !== '') given[item.id] = a;
  }
  return out;
}

/**
 * The ids of the asked items whose answers do not fit: required and missing, or
 * against their constraint. For the screen: the server takes such a report all
 * the same.
 */
export function unfit(items: readonly Conditions[], answers: Answers): string[] {
  const list = asked(items, answers);
  const given: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const item of list) given[item.id] = answerOf(answers, item.id);
  return list.filter((item) => {
    const answer = given[item.id]!;
    if (answer === '') return item.required === true;
    return item.constraint ? !holds(item.constraint, given, answer) : false;
  }).map((item) => item.id);
}
