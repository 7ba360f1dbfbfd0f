import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import type { RepairItem } from '../compare/repair-rows.js';
import type { RowDifference } from '../compare/row-differences.js';
import type { RowKey } from '../compare/row-key.js';
import { ReplicateError } from '../errors/replicate-error.js';

/** A file of differences: one JSON object a line. Lines are whole; whoever reads while it is written sees a part of them. */
export class DifferencesFile implements AsyncDisposable {
  readonly #file: FileHandle;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  /** Makes it anew. Throws PC107 when that is not possible. */
  static async create(path: string): Promise<DifferencesFile> {
    try {
      return new DifferencesFile(await open(path, 'w', 0o600));
    } catch (error) {
      throw new ReplicateError(
        'PC107',
        `${path} cannot be written: ${(error as Error).message}.`,
        {},
        { cause: error },
      );
    }
  }

  async write(tableName: string, differences: readonly RowDifference[]): Promise<void> {
    const lines = differences.map((difference) => `${JSON.stringify(lineOf(tableName, difference))}\n`);
    await this.#file.appendFile(lines.join(''));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }
}

/** Without a key a row is named by its md5 as the comparison saw it. */
function lineOf(table: string, { kind, key, rowHash, rows }: RowDifference) {
  return key === null ? { table, kind, row: rowHash, rows: Number(rows) } : { table, kind, key };
}

/** Reads a file of differences. Throws PC107 when it cannot be read, PC100 for a line that is none. */
export async function readDifferences(path: string): Promise<RepairItem[]> {
  const items: RepairItem[] = [];
  let number = 0;
  try {
    for await (const line of createInterface({ input: createReadStream(path, 'utf8') })) {
      number++;
      if (line.trim() !== '') items.push(itemOf(line, path, number));
    }
  } catch (error) {
    if (error instanceof ReplicateError) throw error;
    throw new ReplicateError(
      'PC107',
      `${path} cannot be read: ${(error as Error).message}.`,
      {},
      { cause: error },
    );
  }
  return items;
}

const KINDS: readonly unknown[] = ['changed', 'missing', 'extra'];

function itemOf(line: string, path: string, number: number): RepairItem {
  const read = parse(line);
  const { table, kind, key, row } = read;
  const isKey = Array.isArray(key) && key.every((part) => part === null || typeof part === 'string');
  if (typeof table !== 'string' || !KINDS.includes(kind) || !(isKey || typeof row === 'string')) {
    throw new ReplicateError('PC100', `Line ${number} of ${path} is no difference that compare has written.`);
  }
  const named = isKey
    ? ({ key: key as RowKey, rowHash: null } as const)
    : ({ key: null, rowHash: row as string } as const);
  return { tableName: table, kind: kind as RepairItem['kind'], ...named };
}

function parse(line: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
