import './leave-out-fetch.js';
import type { Command } from 'commander';
import { type ConfigSource, loadConfig } from '../config/load-config.js';
import { sampleIni } from '../config/sample-ini.js';
import { TICKER_SCHEMA, type TickerConfig } from '../config/ticker-config.js';
import { createConnect } from '../db/connect.js';
import type { ExitCode } from '../errors/catalogue.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { isFacility, type SyslogOptions } from '../runtime/syslog.js';
import { checkStart } from '../ticker/check-start.js';
import type { TickerOptions, TickerPorts } from '../ticker/ports.js';
import { runTicker } from '../ticker/run-ticker.js';
import { addCommonOptions, type CommonOptions, newCommandLine } from './common-options.js';
import { configSource } from './config-source.js';
import { controlProcess, controlRequest } from './control-process.js';
import { readEnvironment } from './environment.js';
import { createOutput, type Output } from './output.js';
import { parseWords } from './parse-words.js';
import { runProgram } from './run-program.js';
import { runService, type ServiceContext } from './run-service.js';

const PROGRAM = 'ticker';

await runProgram(PROGRAM, main);

async function main(words: readonly string[]): Promise<ExitCode> {
  const output = createOutput(process.stdout);
  const command = commandLine(output);
  if (!parseWords(command, words)) return 0;
  const common = command.opts<CommonOptions>();
  if (common.ini) {
    output.raw(sampleIni(TICKER_SCHEMA));
    return 0;
  }
  const [ini] = command.args;
  if (ini === undefined) throw new ReplicateError('PC100', 'No ini file is named.');
  const source = configSource(ini, common, readEnvironment());
  const { config } = loadConfig(TICKER_SCHEMA, source);
  const request = controlRequest(common);
  if (request !== undefined) {
    await controlProcess(request, PROGRAM, config.pidfile);
    return 0;
  }
  const { jobName, logfile, pidfile } = config;
  const syslog = readSyslog(config);
  return runService({ program: PROGRAM, jobName, logfile, pidfile, syslog, common }, (service) =>
    tick(service, source),
  );
}

/** Throws PC102 when the facility is none. */
function readSyslog({ syslog, syslogIdent, syslogFacility }: TickerConfig): SyslogOptions | undefined {
  if (!isFacility(syslogFacility)) {
    throw new ReplicateError('PC102', `The value "${syslogFacility}" of the key "syslog_facility" is none.`, {
      key: 'syslog_facility',
    });
  }
  return syslog ? { ident: syslogIdent, facility: syslogFacility } : undefined;
}

function commandLine(output: Output): Command {
  const command = newCommandLine(PROGRAM, output)
    .description(
      'Cuts the event streams of all queues of the listed databases into batches and keeps the queues small.',
    )
    .argument('[INI]', 'The ini file, with a section [ticker] or [pgqd].');
  return addCommonOptions(PROGRAM, command);
}

/** Ticks until it is told to stop; SIGHUP makes it read the ini file anew. */
async function tick(service: ServiceContext, source: ConfigSource): Promise<ExitCode> {
  const { log, signal } = service;
  const ports: TickerPorts = {
    connect: createConnect(readEnvironment()),
    log,
    counts: { ticks: 0, maint: 0, retry: 0 },
  };
  let options = readOptions(source, service);
  service.ready(await checkStart(ports, options, signal));

  let reload = new AbortController();
  service.onReload(() => reload.abort());
  while (!signal.aborted) {
    await runTicker(ports, options, AbortSignal.any([signal, reload.signal]));
    reload = new AbortController();
    if (signal.aborted) break;
    try {
      options = readOptions(source, service);
    } catch (error) {
      // A slip in the file must not stop the ticks of a running system: what was right until now goes on.
      log.error({ err: error }, 'Configuration cannot be reloaded');
    }
  }
  return 0;
}

function readOptions(source: ConfigSource, { log }: ServiceContext): TickerOptions {
  const { config, ignoredKeys } = loadConfig(TICKER_SCHEMA, source);
  if (ignoredKeys.length > 0) log.info({ keys: ignoredKeys }, 'Keys of the ini file without effect');
  return tickerOptions(config);
}

function tickerOptions(config: TickerConfig): TickerOptions {
  return {
    serverConninfo: config.baseConnstr ?? '',
    databases: config.databaseList,
    initialDatabase: config.initialDatabase,
    tickPeriodMs: config.tickerPeriodMs,
    maintenancePeriodMs: config.maintPeriodMs,
    retryPeriodMs: config.retryPeriodMs,
    checkPeriodMs: config.checkPeriodMs,
    statisticsPeriodMs: config.statsPeriodMs,
    connectionLifetimeMs: config.connectionLifetimeMs,
  };
}
