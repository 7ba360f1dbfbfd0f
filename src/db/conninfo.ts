import type { ConnectionOptions } from 'node:tls';

/** The variables of a process's environment that matter here: `PG*`, HOME. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What a connect string, the environment, the password file and the service file together say. */
export interface ConnectionParameters {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password?: string | undefined;
  readonly ssl?: boolean | ConnectionOptions | undefined;
  readonly connectTimeoutMs?: number | undefined;
  readonly options?: string | undefined;
}

export function parseConninfo(_text: string, _environment: Environment): ConnectionParameters {
  throw new Error('not written yet');
}
