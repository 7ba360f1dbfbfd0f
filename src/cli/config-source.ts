import type { ConfigSource } from '../config/load-config.js';
import type { Environment } from '../db/conninfo.js';
import type { CommonOptions } from './common-options.js';

/** Where a program's configuration comes from; relative paths hold for the folder it was started in. */
export function configSource(ini: string, common: CommonOptions, environment: Environment): ConfigSource {
  return {
    path: ini,
    overrides: common.set ?? [],
    base: { directory: process.cwd(), home: environment.HOME ?? '/' },
  };
}
