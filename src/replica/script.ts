import { basename } from 'node:path';
import { ReplicateError } from '../errors/replicate-error.js';
import { refuseStatement } from './refuse-statement.js';
import { parseAttributes, type ScriptAttributes } from './script-attributes.js';
import { type ScriptStatement, splitScript } from './split-script.js';

/** A script as it is handed to a root. */
export interface Script {
  /** Its name without folder: what it is known by on every node. */
  readonly name: string;
  readonly text: string;
  readonly attributes: ScriptAttributes;
}

/**
 * Makes a script of a file's text after looking through it. Throws PC408 when it cannot be split, has a statement that
 * no script can have, none at all, or conditions that cannot be read. Pure.
 */
export function readScript(path: string, text: string): Script {
  const name = basename(path);
  // A byte order mark is no SQL.
  const script = { name, text: text.replace(/^\uFEFF/, ''), attributes: parseAttributes(name, text) };
  if (statementsOf(name, script.text, true).length === 0) {
    throw new ReplicateError('PC408', `${name} has no statement.`, { file: name });
  }
  return script;
}

/** The statements of a script. Throws PC408 as `readScript` does. Pure. */
export function statementsOf(name: string, text: string, standardStrings: boolean): ScriptStatement[] {
  return splitScript(text, {
    fileName: name,
    standardStrings,
    check: (statement) => refuseStatement(name, statement),
  });
}
