import type { SequenceObject, SequenceOptions } from '../schema/database-object.js';
import { objectStatements } from '../schema/object-statements.js';
import { nameOf } from '../schema/objects-by-name.js';
import { allStatements, sqlName } from '../schema/statements.js';
import type { CompareContext } from './compare-context.js';
import { compareRights } from './compare-rights.js';
import type { Candidate } from './finding.js';
import type { OwnedSequence } from './table-tree.js';

/** Compares one sequence. `isReplicated`: its values come from the provider. Pure. */
export function compareSequence(
  there: SequenceObject,
  here: SequenceObject | undefined,
  isReplicated: boolean,
  context: CompareContext,
): Candidate[] {
  const object = `sequence ${nameOf(there.name)}`;
  const common = { table: null, object, what: 'sequence', node: context.here } as const;
  if (here === undefined) {
    return [
      {
        ...common,
        severity: isReplicated ? 'blocks' : 'differs',
        difference: 'missing',
        message: `${object} is on "${context.there}" and missing on "${context.here}"${isReplicated ? ': its values have no place' : ''}`,
        mend: { node: context.here, statements: allStatements(objectStatements(there, context.target)) },
      },
    ];
  }
  const findings: Candidate[] = [];
  const changed = CLAUSES.filter(({ option }) => there.options[option] !== here.options[option]);
  if (changed.length > 0) {
    const isNarrower = isReplicated && !holds(here.options, there.options);
    findings.push({
      ...common,
      severity: isNarrower ? 'blocks' : 'differs',
      difference: 'different',
      message:
        `${object} differs${isNarrower ? '; values of it have no place here' : ''}: ` +
        changed
          .map(
            ({ option }) =>
              `${option} ${String(there.options[option])} on "${context.there}", ${String(here.options[option])} on "${context.here}"`,
          )
          .join('; '),
      mend: {
        node: context.here,
        statements: [
          `ALTER SEQUENCE ${sqlName(here.name)} ${changed.map(({ option, sql }) => sql(there.options[option])).join(' ')}`,
        ],
      },
    });
  }
  const sql = `SEQUENCE ${sqlName(here.name)}`;
  return [
    ...findings,
    ...compareRights({ table: null, object, owned: sql, granted: sql, there, here }, context),
  ];
}

/** In an order in which ALTER SEQUENCE takes them. */
const CLAUSES: readonly {
  readonly option: keyof SequenceOptions;
  readonly sql: (value: unknown) => string;
}[] = [
  { option: 'type', sql: (value) => `AS ${String(value)}` },
  { option: 'increment', sql: (value) => `INCREMENT BY ${String(value)}` },
  { option: 'min', sql: (value) => `MINVALUE ${String(value)}` },
  { option: 'max', sql: (value) => `MAXVALUE ${String(value)}` },
  { option: 'start', sql: (value) => `START WITH ${String(value)}` },
  { option: 'cache', sql: (value) => `CACHE ${String(value)}` },
  { option: 'cycle', sql: (value) => (value === true ? 'CYCLE' : 'NO CYCLE') },
];

function holds(here: SequenceOptions, there: SequenceOptions): boolean {
  return BigInt(here.min) <= BigInt(there.min) && BigInt(here.max) >= BigInt(there.max);
}

/** Compares whom the sequences of one table belong to. Pure. */
export function compareSequenceOwners(
  table: string | null,
  there: readonly OwnedSequence[],
  here: readonly OwnedSequence[],
  context: CompareContext,
): Candidate[] {
  const ownerText = ({ owner }: OwnedSequence) => `${nameOf(owner.table)}.${owner.column}`;
  const found = new Map(here.map((one) => [nameOf(one.sequence.name), one]));
  const wanted = new Set(there.map(({ sequence }) => nameOf(sequence.name)));
  const finding = (
    name: string,
    message: string,
    difference: Candidate['difference'],
    statement: string,
  ) => ({
    severity: 'differs' as const,
    what: 'sequence owner',
    difference,
    table,
    object: `sequence ${name}`,
    node: context.here,
    message,
    mend: { node: context.here, statements: [statement] },
  });
  const missing = there.flatMap((one) => {
    const name = nameOf(one.sequence.name);
    const other = found.get(name);
    if (other !== undefined && ownerText(other) === ownerText(one)) return [];
    const message = `sequence ${name} belongs to column ${ownerText(one)} on "${context.there}" and ${other === undefined ? 'does not' : `to ${ownerText(other)}`} on "${context.here}"`;
    const statement = objectStatements(one.owner, context.target).create[0] ?? '';
    return [finding(name, message, other === undefined ? 'missing' : 'different', statement)];
  });
  const extra = here.flatMap((one) => {
    const name = nameOf(one.sequence.name);
    if (wanted.has(name)) return [];
    const message = `sequence ${name} belongs to column ${ownerText(one)} on "${context.here}" and does not on "${context.there}"`;
    return [finding(name, message, 'extra', `ALTER SEQUENCE ${sqlName(one.sequence.name)} OWNED BY NONE`)];
  });
  return [...missing, ...extra];
}
