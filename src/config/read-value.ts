import { join, resolve } from 'node:path';
import { ReplicateError } from '../errors/replicate-error.js';
import type { KeyDeclaration } from './key.js';

/** Where relative paths and `~` lead to. */
export interface PathBase {
  readonly directory: string;
  readonly home: string;
}

/** Maps and no objects: the words come from outside, and every object knows `constructor`. */
const BYTE_UNITS: ReadonlyMap<string, number> = new Map([
  ['', 1],
  ['b', 1],
  ['kb', 1024],
  ['mb', 1024 ** 2],
  ['gb', 1024 ** 3],
]);
const BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ['1', true],
  ['true', true],
  ['yes', true],
  ['on', true],
  ['0', false],
  ['false', false],
  ['no', false],
  ['off', false],
]);

const SECONDS = /^(?:\d+|\d*\.\d+)$/;

/** Turns the text of a key into its typed value. Throws PC102, naming key and value, when it does not fit. */
export function readValue(
  key: KeyDeclaration,
  text: string,
  base: PathBase,
): string | number | boolean | string[] {
  switch (key.type) {
    case 'text':
    case 'conninfo':
      return text;
    case 'path':
      return absolutePath(text, base);
    case 'list':
      return text
        .split(/[,\n]/)
        .map((item) => item.trim())
        .filter((item) => item !== '');
    case 'boolean': {
      const value = BOOLEANS.get(text.toLowerCase());
      if (value === undefined) throw wrongValue(key, text, 'is neither 1 nor 0');
      return value;
    }
    case 'seconds':
      return exact(key, text, Math.round(numberOf(key, text, SECONDS, 'is not a number of seconds') * 1000));
    case 'count':
      return exact(key, text, numberOf(key, text, /^\d+$/, 'is not a whole number'));
    case 'choice':
      if (key.choices?.includes(text) !== true) {
        throw wrongValue(key, text, `is none of ${key.choices?.join(', ')}`);
      }
      return text;
    case 'bytes': {
      const bytes = parseSize(text);
      if (bytes === undefined) throw wrongValue(key, text, 'is not a size such as 8MB');
      return atLeast(key, text, bytes);
    }
  }
}

/** A size in bytes: `8MB`, `1 GB`, `4096`. Undefined for what is none, and for what a number cannot hold exactly. */
export function parseSize(text: string): number | undefined {
  const match = /^(\d+)\s*([a-z]*)$/i.exec(text);
  const unit = BYTE_UNITS.get(match?.[2]?.toLowerCase() ?? '');
  if (match === null || unit === undefined) return undefined;
  const bytes = Number(match[1]) * unit;
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** A number that is rounded would be another one than the file says. */
function exact(key: KeyDeclaration, text: string, value: number): number {
  if (!Number.isSafeInteger(value)) throw wrongValue(key, text, 'is too large');
  return value;
}

function numberOf(key: KeyDeclaration, text: string, pattern: RegExp, wrong: string): number {
  if (!pattern.test(text)) throw wrongValue(key, text, wrong);
  return atLeast(key, text, Number(text));
}

function atLeast(key: KeyDeclaration, text: string, value: number): number {
  if (key.minimum !== undefined && value < key.minimum) {
    throw wrongValue(key, text, `is below ${key.minimum}`);
  }
  return value;
}

function wrongValue(key: KeyDeclaration, text: string, what: string): ReplicateError {
  return new ReplicateError('PC102', `The value "${text}" of the key "${key.name}" ${what}.`, {
    key: key.name,
  });
}

function absolutePath(text: string, base: PathBase): string {
  const inHome = /^~(?:\/(.*))?$/.exec(text);
  return inHome === null ? resolve(base.directory, text) : join(base.home, inHome[1] ?? '');
}
