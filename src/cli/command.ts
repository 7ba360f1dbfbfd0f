import type { ReplicateConfig } from '../config/replicate-config.js';
import type { Connect } from '../db/connect.js';
import type { ExitCode } from '../errors/catalogue.js';
import type { installSchemas } from '../install/install-schemas.js';
import type { Logger } from '../runtime/log.js';
import type { Output } from './output.js';

/** What a command works with. */
export interface CommandContext {
  readonly config: ReplicateConfig;
  readonly connect: Connect;
  readonly log: Logger;
  /** Aborted on SIGINT and SIGTERM. */
  readonly signal: AbortSignal;
  readonly output: Output;
  /** What a command that makes a node installs the schemas with; without it `installSchemas`. */
  readonly install?: typeof installSchemas;
  /**
   * Only for a command with `daemon`: to be called once when its start checks have passed. With -d the program that
   * was typed waits for it, or prints what is thrown before it.
   */
  readonly ready?: (warnings?: readonly string[]) => void;
}

export interface ArgumentSpec {
  readonly name: string;
  readonly required?: boolean;
  readonly variadic?: boolean;
  readonly summary: string;
}

export interface OptionSpec {
  /** In commander's syntax: `--wait`, `--provider <conninfo>`. */
  readonly flags: string;
  readonly summary: string;
  readonly default?: string | boolean;
  /** May be given several times: the command gets the list of its values. */
  readonly isRepeatable?: true;
}

/** One verb of `replicate`: how it is typed and what it does. */
export interface CommandSpec {
  readonly name: string;
  /** One sentence for --help. */
  readonly summary: string;
  readonly arguments?: readonly ArgumentSpec[];
  readonly options?: readonly OptionSpec[];
  /** True when the command runs until it is told to stop: it honours -d and holds the pidfile. */
  readonly daemon?: boolean;
  run(
    context: CommandContext,
    args: readonly string[],
    options: Readonly<Record<string, unknown>>,
  ): Promise<ExitCode>;
}
