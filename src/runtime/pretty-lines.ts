import { createRequire } from 'node:module';
import type { PrettyOptions } from 'pino-pretty';

/**
 * Makes readable lines of JSON lines. The package that does it is loaded at the first line: most commands end without one,
 * and start in nine tenths of the time.
 */
export function prettyLines(options: PrettyOptions): (line: string) => string {
  let pretty: ((line: string) => string) | undefined;
  return (line) => {
    pretty ??= load().prettyFactory(options);
    return pretty(line);
  };
}

function load(): typeof import('pino-pretty') {
  return createRequire(import.meta.url)('pino-pretty') as typeof import('pino-pretty');
}
