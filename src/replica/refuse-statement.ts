import { ReplicateError } from '../errors/replicate-error.js';
import type { ScriptStatement } from './split-script.js';

const ONE_TRANSACTION =
  'a script is one transaction on every node: take BEGIN, COMMIT and the like out of it.';
const OUTSIDE =
  'cannot run in a transaction, and a script is one: run it by hand on each node, before or after the script.';

/** First words of statements that a script cannot have, and what to do. The first that fits counts. */
const REFUSED: readonly (readonly [RegExp, string])[] = [
  [/^(?:begin|start transaction|commit|end|rollback|abort|savepoint|release)\b/, ONE_TRANSACTION],
  [/^prepare transaction\b/, ONE_TRANSACTION],
  [/^(?:create (?:unique )?index|drop index|reindex\b.*) concurrently\b/, `CONCURRENTLY ${OUTSIDE}`],
  [/^alter table\b.* detach partition\b.* concurrently\b/, `CONCURRENTLY ${OUTSIDE}`],
  [/^vacuum\b/, `VACUUM ${OUTSIDE}`],
  [/^cluster$/, `CLUSTER of all tables ${OUTSIDE}`],
  [/^reindex (?:database|system|schema)\b/, `REINDEX of more than a table ${OUTSIDE}`],
  [/^(?:create|drop|alter) (?:database|tablespace|subscription)\b/, `it ${OUTSIDE}`],
  [/^alter system\b/, `ALTER SYSTEM ${OUTSIDE}`],
  [
    /^copy\b.* (?:from stdin|to stdout)\b/,
    'COPY from or to the client has no data in a script: write INSERT, or load the table on the root and let it be replicated.',
  ],
  [
    /^(?:listen|unlisten|deallocate|discard|reset all)\b/,
    'it changes the session of the program that runs the script: take it out.',
  ],
  [
    /^set (?:session |local )?standard_conforming_strings\b(?! (?:to )?on\b)/,
    'standard_conforming_strings stays as it is in a script.',
  ],
];

/** Throws PC408 for a statement that a script cannot have. The server refuses what is not found here. Pure. */
export function refuseStatement(fileName: string, statement: ScriptStatement): void {
  const text = statement.words.join(' ');
  const found = REFUSED.find(([pattern]) => pattern.test(text));
  if (found === undefined) return;
  throw new ReplicateError('PC408', `${fileName}, line ${statement.line}: ${found[1]}`, {
    file: fileName,
    line: statement.line,
  });
}
