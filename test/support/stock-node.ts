import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Program, type ProgramOutcome, runProgram } from '../../src/demo/program.js';
import { TestNode } from './test-node.js';

const LONDISTE = { path: '/usr/bin/londiste' };
const PGQD = { path: '/usr/bin/pgqd' };

/** The same node, as somebody sees it who gives it the commands of the stock Londiste. Its programs stay with `node`. */
export async function withStockCommands(node: TestNode, queueName: string): Promise<StockNode> {
  const stock = new StockNode(`${node.name}-stock`, node.folder, node.database, `${node.name}_worker`);
  await stock.writeIniFiles(queueName);
  return stock;
}

/** A node whose commands, worker and ticker are those of the stock Londiste. */
export class StockNode extends TestNode {
  readonly #workerName: string;

  constructor(
    name: string,
    folder: string,
    database: TestNode['database'],
    workerName: string = `${name}_worker`,
  ) {
    super(name, folder, database);
    this.#workerName = workerName;
  }

  /** Runs `londiste <node>.ini words…` to its end. */
  override run(...words: string[]): Promise<ProgramOutcome> {
    return runProgram(LONDISTE, [this.ini, ...words], { folder: this.folder });
  }

  override prepare(...words: string[]): Promise<ProgramOutcome> {
    return this.must(...words);
  }

  override runProgram(...words: string[]): Promise<ProgramOutcome> {
    return this.run(...words);
  }

  override startWorker(): Program {
    this.worker = new Program(LONDISTE, [this.ini, 'worker'], { folder: this.folder });
    return this.worker;
  }

  override startTicker(): Program {
    this.ticker = new Program(PGQD, [`${this.name}.ticker.ini`], { folder: this.folder });
    return this.ticker;
  }

  /** Writes the ini files of both programs; the keys of ours mean nothing here. */
  override async writeIniFiles(queueName: string): Promise<void> {
    const ticker = [
      '[pgqd]',
      `base_connstr = ${this.cluster.conninfo('').replace('dbname= ', '')}`,
      'initial_database = postgres',
      `database_list = ${this.database.name}`,
      'syslog = 0',
      'check_period = 0.5',
      'ticker_period = 0.05',
      'maint_period = 5',
      'retry_period = 1',
    ];
    await writeFile(join(this.folder, `${this.name}.ticker.ini`), `${ticker.join('\n')}\n`);
    const worker = [
      '[londiste]',
      `job_name = ${this.#workerName}`,
      `db = ${this.database.conninfo}`,
      `queue_name = ${queueName}`,
      `pidfile = ${this.name}.pid`,
      'use_skylog = 0',
      'loop_delay = 0.1',
      'exception_sleep = 0.5',
      'parallel_copies = 4',
    ];
    await writeFile(join(this.folder, this.ini), `${worker.join('\n')}\n`);
  }
}
