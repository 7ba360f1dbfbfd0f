import './leave-out-fetch.js';
import { loadConfig } from '../config/load-config.js';
import { REPLICATE_SCHEMA } from '../config/replicate-config.js';
import { sampleIni } from '../config/sample-ini.js';
import { createConnect } from '../db/connect.js';
import { redactConninfo } from '../db/conninfo.js';
import type { ExitCode } from '../errors/catalogue.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { listenToSignals } from '../runtime/lifecycle.js';
import { openLog } from '../runtime/log.js';
import type { CommandContext, CommandSpec } from './command.js';
import { type CommonOptions, logLevel } from './common-options.js';
import { configSource } from './config-source.js';
import { controlProcess, controlRequest } from './control-process.js';
import { readEnvironment } from './environment.js';
import { createOutput } from './output.js';
import { parseWords } from './parse-words.js';
import {
  bareCommandLine,
  helpFor,
  namedCommand,
  splitReplicateWords,
  verbCommandLine,
} from './replicate-command-line.js';
import { runProgram } from './run-program.js';
import { runService } from './run-service.js';

const PROGRAM = 'replicate';
/** Nothing was found out. */
const INTERRUPTED = 3;

type LoadedReplicateConfig = ReturnType<typeof loadConfig<typeof REPLICATE_SCHEMA.keys>>;

await runProgram(PROGRAM, main);

async function main(words: readonly string[]): Promise<ExitCode> {
  const output = createOutput(process.stdout);
  const split = await splitReplicateWords(words);
  if (split.rest.includes('--help') || split.rest.includes('-h')) {
    output.raw(await helpFor(split, output));
    return 0;
  }
  const spec = await namedCommand(split);
  const line = spec === undefined ? bareCommandLine(output) : verbCommandLine(spec, output);
  if (!parseWords(line, split.rest)) return 0;
  const common = line.opts<CommonOptions>();
  if (common.ini) {
    output.raw(sampleIni(REPLICATE_SCHEMA));
    return 0;
  }

  if (split.ini === undefined) throw new ReplicateError('PC100', 'No ini file is named.');
  const environment = readEnvironment();
  const loaded = loadConfig(REPLICATE_SCHEMA, configSource(split.ini, common, environment));
  const request = controlRequest(common);
  if (request !== undefined) {
    await controlProcess(request, PROGRAM, loaded.config.pidfile);
    return 0;
  }
  if (spec === undefined) throw new ReplicateError('PC100', 'No command is named.');

  const connect = createConnect(environment);
  const run = (context: Omit<CommandContext, 'config' | 'connect' | 'output'>): Promise<ExitCode> =>
    spec.run({ config: loaded.config, connect, output, ...context }, line.args, line.opts());
  return spec.daemon ? runDaemonCommand(loaded, common, run) : runOnce(spec, common, run);
}

/** The arguments of a command that `run` adds to what is the same for all. */
type Run = (context: Pick<CommandContext, 'log' | 'signal' | 'ready'>) => Promise<ExitCode>;

/** A command that runs until it is told to stop. */
async function runDaemonCommand(
  { config, ignoredKeys }: LoadedReplicateConfig,
  common: CommonOptions,
  run: Run,
): Promise<ExitCode> {
  const { jobName, logfile, pidfile } = config;
  return runService({ program: PROGRAM, jobName, logfile, pidfile, common }, async (service) => {
    const { log, signal } = service;
    if (ignoredKeys.length > 0) log.info({ keys: ignoredKeys }, 'Keys of the ini file without effect');
    return run({ log, signal, ready: service.ready });
  });
}

/** A command that does one thing and ends. It logs to the terminal, and only what goes wrong. */
async function runOnce(spec: CommandSpec, common: CommonOptions, run: Run): Promise<ExitCode> {
  if (common.daemon) {
    throw new ReplicateError('PC100', `The command "${spec.name}" does not run in the background.`);
  }
  const log = openLog({
    level: logLevel(common, false),
    terminal: {
      write: (text) => void process.stderr.write(`${text}\n`),
      colours: process.stderr.isTTY === true,
    },
    redact: redactConninfo,
  });
  const lifecycle = listenToSignals({
    onReload: () => lifecycle.stop('SIGHUP'),
    endAtOnce: () => process.exit(INTERRUPTED),
  });
  try {
    return await run({ log: log.logger, signal: lifecycle.signal });
  } catch (error) {
    if (!lifecycle.signal.aborted) throw error;
    // Whatever failed then failed because it was interrupted.
    throw lifecycle.signal.reason;
  } finally {
    lifecycle.close();
  }
}
