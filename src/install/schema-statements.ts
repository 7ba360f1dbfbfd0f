import { quoteLiteral } from '../db/identifier.js';
import { ReplicateError } from '../errors/replicate-error.js';
import type { SchemaFiles, SqlFile } from './schema-files.js';

const QUOTE = '$pgcascade_file$';

/** The statement that installs one file. */
export interface FileStatement {
  /** Path below `sql`. */
  readonly file: string;
  readonly sql: string;
}

/**
 * The statements that install one schema, in order, for one transaction: each hands a file to a routine of
 * sql/bootstrap.sql. The program and the script of `install --print` run the same ones.
 *
 * Throws PC900 when two files define overloads of one routine, which could not be replaced apart from each other.
 */
export function schemaStatements(files: SchemaFiles): readonly FileStatement[] {
  const schema = quoteLiteral(files.schema);
  refuseSplitOverloads(files);
  return [
    ...files.migrations.map(({ name, text }) => ({
      file: `${files.schema}/migrations/${name}.sql`,
      sql: `select pgcascade.install_migration(${schema}, ${quoteLiteral(name)}, ${quoteFile(text)})`,
    })),
    ...files.routines.map(({ name, text }) => {
      const names = definedNames(files.schema, text).map(quoteLiteral).join(', ');
      return {
        file: `${files.schema}/routines/${name}.sql`,
        sql: `select pgcascade.install_routines(${schema}, array[${names}]::text[], ${quoteFile(text)})`,
      };
    }),
    ...(files.grants === undefined
      ? []
      : [
          {
            file: `${files.schema}/grants.sql`,
            sql: `select pgcascade.install_grants(${schema}, ${quoteFile(files.grants)})`,
          },
        ]),
  ];
}

/** The names, without the schema, of the functions that a routine file creates. */
export function definedNames(schema: string, text: string): string[] {
  const matches = text.matchAll(/^create or replace function\s+([a-z_0-9]+)\.([a-z_0-9]+)\s*\(/gim);
  const names = [...matches].filter((match) => match[1] === schema).map((match) => match[2] as string);
  return [...new Set(names)];
}

function refuseSplitOverloads({ schema, routines }: SchemaFiles): void {
  const definedIn = new Map<string, SqlFile>();
  for (const file of routines) {
    for (const name of definedNames(schema, file.text)) {
      const other = definedIn.get(name);
      if (other !== undefined) {
        throw new ReplicateError('PC900', `sql/${schema}: ${name} is defined in two files.`, {
          first: other.name,
          second: file.name,
        });
      }
      definedIn.set(name, file);
    }
  }
}

function quoteFile(text: string): string {
  if (text.includes(QUOTE)) throw new ReplicateError('PC900', `A file of SQL contains ${QUOTE}.`);
  return `${QUOTE}\n${text.trimEnd()}\n${QUOTE}`;
}
