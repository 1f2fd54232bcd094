/**
 * Conditions of checklists, in the part of XLSForm's XPath that forms here use:
 * ${name}, the own value as ".", texts in quotes, numbers, = != < <= > >=, and,
 * or, not(), selected(), true(), false() and parentheses. Values and comparisons
 * are those of XPath 1.0; what was not answered is an empty text.
 */

/** The greatest length of an expression in bytes, and how deep parentheses and calls go. */
export const MAX_EXPRESSION = 1000;
export const MAX_NESTING = 32;

/** What of an expression can't be read. `at` is the character, counted from 1. */
export class ExpressionError extends Error {
  constructor(readonly at: number, message: string) {
    super(message);
    this.name = 'ExpressionError';
  }
}

type Value = string | number | boolean;
interface Scope {
  answer: (name: string) => string;
  own: string;
}
type Node = (s: Scope) => Value;

/** A condition that was read. */
export class Expression {
  constructor(private readonly root: Node) {}

  /** Whether it holds. `answer` gives the answer to an item, '' when there is none; `own` is the answer to the item it belongs to. */
  holds(answer: (name: string) => string, own: string): boolean {
    return truth(this.root({ answer, own }));
  }
}

/** Reads an expression. Throws an {@link ExpressionError}. */
export function parseExpression(text: string): Expression {
  if (new TextEncoder().encode(text).length > MAX_EXPRESSION) throw new ExpressionError(1, `longer than ${MAX_EXPRESSION} bytes`);
  return new Expression(new Parser(text).parse());
}

type Kind = 'end' | 'symbol' | 'word' | 'name' | 'quote' | 'number' | 'dot';
interface Token {
  kind: Kind;
  text: string;
  at: number; // code unit
}

const forms: [Kind, RegExp][] = [
  ['name', /\$\{([A-Za-z_][A-Za-z0-9_.-]*)\}/y],
  ['number', /-?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)/y],
  ['word', /[A-Za-z][A-Za-z-]*/y],
  ['symbol', /!=|<=|>=|[(),=<>]/y],
  ['dot', /\./y],
  ['quote', /"([^"]*)"|'([^']*)'/y],
];
const functions: { [name: string]: number } = { not: 1, selected: 2, true: 0, false: 0 };

class Parser {
  private pos = 0;
  private depth = 0;
  private token: Token = { kind: 'end', text: '', at: 0 };

  constructor(private readonly text: string) {}

  parse(): Node {
    this.next();
    const root = this.or();
    if (this.token.kind !== 'end') this.fail(this.token.at, `${this.quoted()} is not expected here`);
    return root;
  }

  private fail(at: number, message: string): never {
    throw new ExpressionError([...this.text.slice(0, at)].length + 1, message);
  }

  private quoted(): string {
    return this.token.kind === 'end' ? 'the end' : JSON.stringify(this.token.text);
  }

  private next(): void {
    while (this.pos < this.text.length && ' \t\r\n'.includes(this.text[this.pos]!)) this.pos++;
    const at = this.pos;
    if (at === this.text.length) {
      this.token = { kind: 'end', text: '', at };
      return;
    }
    for (const [kind, form] of forms) {
      form.lastIndex = at;
      const m = form.exec(this.text);
      if (!m) continue;
      this.token = { kind, text: m[1] ?? m[2] ?? m[0], at };
      this.pos = at + m[0].length;
      return;
    }
    const c = this.text[at]!;
    if (c === '"' || c === "'") this.fail(at, 'a text begins that has no end');
    if (c === '$') this.fail(at, 'a name must stand as ${name}');
    this.fail(at, `${JSON.stringify(String.fromCodePoint(this.text.codePointAt(at)!))} is not known`);
  }

  private is(kind: Kind, text: string): boolean {
    return this.token.kind === kind && this.token.text === text;
  }

  private or(): Node {
    let left = this.and();
    while (this.is('word', 'or')) {
      this.next();
      const a = left;
      const b = this.and();
      left = (s) => truth(a(s)) || truth(b(s));
    }
    return left;
  }

  private and(): Node {
    let left = this.comparison();
    while (this.is('word', 'and')) {
      this.next();
      const a = left;
      const b = this.comparison();
      left = (s) => truth(a(s)) && truth(b(s));
    }
    return left;
  }

  private comparing(): boolean {
    return this.token.kind === 'symbol' && /[=<>]/.test(this.token.text);
  }

  private comparison(): Node {
    const a = this.value();
    if (!this.comparing()) return a;
    const op = this.token.text;
    this.next();
    const b = this.value();
    if (this.comparing()) this.fail(this.token.at, 'two comparisons in a row; put one in parentheses');
    return (s) => compare(op, a(s), b(s));
  }

  private value(): Node {
    const t = this.token;
    switch (t.kind) {
      case 'name':
        this.next();
        return (s) => s.answer(t.text);
      case 'dot':
        this.next();
        return (s) => s.own;
      case 'quote':
        this.next();
        return () => t.text;
      case 'number': {
        const n = numberFrom(t.text);
        this.next();
        return () => n;
      }
      case 'symbol':
        if (t.text === '(') {
          this.enter(t);
          this.next();
          const inner = this.or();
          this.leave();
          return inner;
        }
        break;
      case 'word':
        if (t.text !== 'and' && t.text !== 'or') return this.call(t);
    }
    this.fail(t.at, `a value is missing before ${this.quoted()}`);
  }

  private call(t: Token): Node {
    const want = Object.hasOwn(functions, t.text) ? functions[t.text]! : undefined;
    if (want === undefined) this.fail(t.at, `${JSON.stringify(t.text)} is no function here; there are not, selected, true and false`);
    this.next();
    if (!this.is('symbol', '(')) this.fail(this.token.at, `( is missing after ${t.text}`);
    this.enter(t);
    this.next();
    const args: Node[] = [];
    for (let n = 0; n < want; n++) {
      if (n > 0) {
        if (!this.is('symbol', ',')) this.fail(this.token.at, `${t.text} takes ${want} values`);
        this.next();
      }
      args.push(this.or());
    }
    this.leave();
    const [a, b] = args;
    if (t.text === 'not') return (s) => !truth(a!(s));
    if (t.text === 'selected') return (s) => selected(textFrom(a!(s)), textFrom(b!(s)));
    return () => t.text === 'true';
  }

  private enter(t: Token): void {
    if (++this.depth > MAX_NESTING) this.fail(t.at, `nested more than ${MAX_NESTING} deep`);
  }

  private leave(): void {
    this.depth--;
    if (!this.is('symbol', ')')) this.fail(this.token.at, `) is missing before ${this.quoted()}`);
    this.next();
  }
}

const selected = (list: string, choice: string): boolean => list.split(/\s+/).some((one) => one !== '' && one === choice.trim());

function compare(op: string, a: Value, b: Value): boolean {
  if (op === '=' || op === '!=') {
    let same: boolean;
    if (typeof a === 'boolean' || typeof b === 'boolean') same = truth(a) === truth(b);
    else if (typeof a === 'number' || typeof b === 'number') same = numberOf(a) === numberOf(b);
    else same = a === b;
    return same === (op === '=');
  }
  const x = numberOf(a);
  const y = numberOf(b);
  switch (op) {
    case '<': return x < y;
    case '<=': return x <= y;
    case '>': return x > y;
  }
  return x >= y;
}

function truth(v: Value): boolean {
  return typeof v === 'number' ? v !== 0 && !Number.isNaN(v) : typeof v === 'string' ? v !== '' : v;
}

const numberOf = (v: Value): number => (typeof v === 'string' ? numberFrom(v) : Number(v));

const numberForm = /^[ \t\r\n]*(-?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))[ \t\r\n]*$/;

/** Reads a number as XPath 1.0 does: no exponent, no plus. */
function numberFrom(text: string): number {
  const m = numberForm.exec(text);
  return m ? Number(m[1]) : NaN;
}

function textFrom(v: Value): string {
  if (typeof v !== 'number') return String(v);
  if (v === 0) return '0'; // of both signs
  return Number.isFinite(v) && Math.abs(v) >= 1e21 ? BigInt(v).toString() : String(v);
}
