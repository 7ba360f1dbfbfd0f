import { ReplicateError } from '../errors/replicate-error.js';

/** One statement of a script. */
export interface ScriptStatement {
  /** Its place in the script, from 1. */
  readonly number: number;
  /** Line of the script on which it begins, from 1. */
  readonly line: number;
  /** From its first word on, without the semicolon. */
  readonly text: string;
  /** Its keywords and unquoted names outside of parentheses, in lower case, the first 16 of them: enough to tell what it is. */
  readonly words: readonly string[];
}

export interface SplitOptions {
  /** For messages. */
  readonly fileName: string;
  /** The server's standard_conforming_strings: false takes a backslash in '…' for an escape. */
  readonly standardStrings: boolean;
  /** Called with each statement before the next is looked for; what it throws ends the split. */
  readonly check?: (statement: ScriptStatement) => void;
}

const MAX_WORDS = 16;
const SPACE = /[ \t\n\v\f\r]+/y;
const LINE_COMMENT = /--[^\n\r]*/y;
const WORD = /[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*/y;
const NUMBER = /\d[\w.]*/y;
const DOLLAR_QUOTE = /\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/y;
/** A string goes on after white space with a line end in it. */
const STRING_GOES_ON = /[ \t\v\f]*(?:--[^\n\r]*)?[\n\r](?:[ \t\n\v\f\r]|--[^\n\r]*[\n\r])*'/y;

/**
 * Splits a script into its statements, by the rules of the server's own lexer: quotes, dollar quotes, nested comments,
 * parentheses, and the bodies of `begin atomic` functions.
 *
 * Throws PC408 naming the line of a quote or comment that does not end, and of a psql command. Pure.
 */
export function splitScript(text: string, options: SplitOptions): ScriptStatement[] {
  return new Splitter(text, options).run();
}

class Splitter {
  readonly #text: string;
  readonly #options: SplitOptions;
  readonly #statements: ScriptStatement[] = [];
  #at = 0;
  /** A place before which all lines are counted, and the line that it is in. */
  #counted = 0;
  #line = 1;
  /** Where the current statement begins; undefined before its first word. */
  #start: number | undefined;
  #words: string[] = [];
  #parentheses = 0;
  /** How many `begin atomic` and `case` of a function's body are open. */
  #blocks = 0;
  #lastWord = '';

  constructor(text: string, options: SplitOptions) {
    this.#text = text;
    this.#options = options;
  }

  run(): ScriptStatement[] {
    while (this.#at < this.#text.length) this.#step();
    this.#endStatement(this.#text.length);
    return this.#statements;
  }

  #step(): void {
    if (this.#match(SPACE) !== undefined || this.#match(LINE_COMMENT) !== undefined) return;
    if (this.#text.startsWith('/*', this.#at)) {
      this.#skipComment();
      return;
    }
    const character = this.#text[this.#at] as string;
    if (character === ';') {
      if (this.#parentheses === 0 && this.#blocks === 0) {
        this.#endStatement(this.#at);
      }
      this.#at++;
      return;
    }
    if (character === '\\') {
      throw this.#failure(
        this.#at,
        'psql commands (\\i, \\set, …) are not SQL: take them out of the script.',
      );
    }
    this.#start ??= this.#at;
    if (character === "'") this.#skipString(!this.#options.standardStrings);
    else if (character === '"') this.#skipQuoted('"', 'quoted name');
    else if (character === '$') this.#skipDollar();
    else if (this.#match(NUMBER) === undefined) this.#skipWordOrSign(character);
  }

  #skipWordOrSign(character: string): void {
    const word = this.#match(WORD);
    if (word !== undefined) {
      const next = this.#text[this.#at];
      // A string's prefix: E'…' with escapes, B'…', X'…', N'…' and U&'…' as without.
      if (next === "'" && /^[eE]$/.test(word)) this.#skipString(true);
      else if (next === "'" && /^[bBxX]$/.test(word)) this.#skipString(false);
      else this.#countWord(word.toLowerCase());
      return;
    }
    if (character === '(') this.#parentheses++;
    else if (character === ')') this.#parentheses = Math.max(0, this.#parentheses - 1);
    this.#lastWord = '';
    this.#at++;
  }

  #countWord(word: string): void {
    if (this.#parentheses === 0) {
      if (this.#words.length < MAX_WORDS) this.#words.push(word);
      if (this.#isRoutine()) {
        if (word === 'atomic' && this.#lastWord === 'begin') this.#blocks++;
        else if (word === 'case' && this.#blocks > 0) this.#blocks++;
        else if (word === 'end' && this.#blocks > 0) this.#blocks--;
      }
    }
    this.#lastWord = word;
  }

  #isRoutine(): boolean {
    return /^create (?:or replace )?(?:function|procedure)\b/.test(this.#words.slice(0, 4).join(' '));
  }

  #skipString(hasEscapes: boolean): void {
    const from = this.#at;
    do {
      this.#skipQuoted("'", 'string', hasEscapes, from);
    } while (this.#openNextPart());
  }

  /** True when the string goes on: then the next part's quote is the next character. */
  #openNextPart(): boolean {
    if (this.#match(STRING_GOES_ON) === undefined) return false;
    this.#at--;
    return true;
  }

  #skipQuoted(quote: string, what: string, hasEscapes = false, from = this.#at): void {
    this.#lastWord = '';
    this.#at++;
    for (;;) {
      const character = this.#text[this.#at];
      if (character === undefined) throw this.#failure(from, `the ${what} that begins here does not end.`);
      this.#at++;
      if (character === '\\' && hasEscapes) this.#at++;
      else if (character === quote) {
        if (this.#text[this.#at] !== quote) return;
        this.#at++;
      }
    }
  }

  #skipDollar(): void {
    const from = this.#at;
    this.#lastWord = '';
    const quote = this.#match(DOLLAR_QUOTE);
    if (quote === undefined) {
      this.#at++;
      return;
    }
    const end = this.#text.indexOf(quote, this.#at);
    if (end < 0) throw this.#failure(from, `the text that begins with ${quote} here does not end.`);
    this.#at = end + quote.length;
  }

  #skipComment(): void {
    const from = this.#at;
    let depth = 0;
    do {
      if (this.#text.startsWith('/*', this.#at)) {
        depth++;
        this.#at += 2;
      } else if (this.#text.startsWith('*/', this.#at)) {
        depth--;
        this.#at += 2;
      } else if (this.#at >= this.#text.length) {
        throw this.#failure(from, 'the comment that begins here does not end.');
      } else {
        this.#at++;
      }
    } while (depth > 0);
  }

  #endStatement(end: number): void {
    if (this.#start !== undefined) {
      const statement = {
        number: this.#statements.length + 1,
        line: this.#lineAt(this.#start),
        text: this.#text.slice(this.#start, end),
        words: this.#words,
      };
      this.#options.check?.(statement);
      this.#statements.push(statement);
    }
    this.#start = undefined;
    this.#words = [];
    this.#parentheses = 0;
    this.#blocks = 0;
    this.#lastWord = '';
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match === null) return undefined;
    this.#at = pattern.lastIndex;
    return match[0];
  }

  /** Asked for in the order of the text, so that no line is counted twice. */
  #lineAt(position: number): number {
    this.#line += lineOf(this.#text.slice(this.#counted, position), position - this.#counted) - 1;
    this.#counted = position;
    return this.#line;
  }

  #failure(position: number, reason: string): ReplicateError {
    const line = this.#lineAt(position);
    const { fileName } = this.#options;
    return new ReplicateError('PC408', `${fileName}, line ${line}: ${reason}`, { file: fileName, line });
  }
}

/** The line of a character of a text, from 1. Pure. */
export function lineOf(text: string, position: number): number {
  let line = 1;
  for (let at = text.indexOf('\n'); at >= 0 && at < position; at = text.indexOf('\n', at + 1)) line++;
  return line;
}
