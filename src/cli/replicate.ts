import { loadConfig } from '../config/load-config.js';
import { nearestHint } from '../config/nearest-name.js';
import { REPLICATE_SCHEMA } from '../config/replicate-config.js';
import { sampleIni } from '../config/sample-ini.js';
import { createConnect } from '../db/connect.js';
import { redactConninfo } from '../db/conninfo.js';
import type { ExitCode } from '../errors/catalogue.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { listenToSignals } from '../runtime/lifecycle.js';
import { openLog } from '../runtime/log.js';
import type { CommandSpec } from './command.js';
import { loadCommand, VERBS } from './commands.js';
import { type CommonOptions, logLevel } from './common-options.js';
import { configSource } from './config-source.js';
import { controlProcess, controlRequest } from './control-process.js';
import { readEnvironment } from './environment.js';
import { createOutput, type Output } from './output.js';
import { parseWords } from './parse-words.js';
import { findVerb, generalCommandLine, verbCommandLine } from './replicate-command-line.js';
import { runProgram } from './run-program.js';
import { runService } from './run-service.js';

const PROGRAM = 'replicate';

await runProgram(PROGRAM, main);
