import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ReplicateError } from '../errors/replicate-error.js';
import { isSpace } from './conninfo-text.js';

const SYSTEM_DIRECTORY = '/etc/postgresql-common';

export interface ServiceFileOptions {
  /** PGSERVICEFILE or servicefile=; then no other file is looked at but the system's. */
  readonly file?: string | undefined;
  readonly home?: string | undefined;
  /** PGSYSCONFDIR. */
  readonly systemDirectory?: string | undefined;
}

/**
 * The keywords of a service: from the user's service file, else from the system's.
 *
 * Throws PC103 when the service is in neither.
 */
export function readService(service: string, options: ServiceFileOptions): ReadonlyMap<string, string> {
  const user =
    options.file ?? (options.home === undefined ? undefined : join(options.home, '.pg_service.conf'));
  const system = join(options.systemDirectory ?? SYSTEM_DIRECTORY, 'pg_service.conf');
  const files = [user, system].filter((path) => path !== undefined);
  for (const file of files) {
    if (!existsSync(file)) continue;
    const keywords = findService(readFileSync(file, 'utf8'), service, file);
    if (keywords !== undefined) return keywords;
  }
  throw new ReplicateError('PC103', `The service "${service}" is in none of ${files.join(', ')}.`, {
    service,
  });
}

/** The lines of a section, `keyword=value` each. Undefined when the section is not there. */
export function findService(content: string, service: string, file: string): Map<string, string> | undefined {
  let keywords: Map<string, string> | undefined;
  for (const [index, untrimmed] of content
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .entries()) {
    const line = trimSpaces(untrimmed);
    if (line === '' || line.startsWith('#')) continue;
    if (line.startsWith('[')) {
      if (keywords !== undefined) return keywords;
      if (line === `[${service}]`) keywords = new Map();
    } else if (keywords !== undefined) {
      const equals = line.indexOf('=');
      if (equals < 1) {
        throw new ReplicateError('PC103', `Line ${index + 1} of the service file ${file} has no "keyword=".`);
      }
      const name = line.slice(0, equals);
      if (!keywords.has(name)) keywords.set(name, line.slice(equals + 1));
    }
  }
  return keywords;
}

/** Without what libpq takes for spaces: another one may be the end of a password. */
function trimSpaces(line: string): string {
  let [from, to] = [0, line.length];
  while (from < to && isSpace(line[from])) from++;
  while (to > from && isSpace(line[to - 1])) to--;
  return line.slice(from, to);
}
