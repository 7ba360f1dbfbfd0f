import { execFile, spawn } from 'node:child_process';
import { chmod, mkdtemp, rmdir, statfs } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { serverFolder } from '../../support/server-folder.js';

const run = promisify(execFile);

/** Nothing of it is taken before it is used. */
const SIZE = '4g';
const FILL_TRIES = 10;

/** Lets go of the file system when this process has died without doing so. */
const GUARD = 'if read -r line; then exit 0; fi; umount -l "$1"; rmdir "$1"';

/** A file system in memory for the data of one server, which can become full without taking memory: its size becomes what is used. */
export class SmallDisk implements AsyncDisposable {
  readonly folder: string;
  readonly #guard: Socket;

  private constructor(folder: string, guard: Socket) {
    this.folder = folder;
    this.#guard = guard;
  }

  /** Returns why there is none when this machine or our rights do not allow it. */
  static async open(): Promise<SmallDisk | string> {
    const parent = serverFolder();
    if (parent === undefined) return 'there is not enough memory for a file system in it';
    const folder = await mkdtemp(join(parent, 'pgcascade-disk-'));
    try {
      await chmod(folder, 0o711);
      await run('mount', ['-t', 'tmpfs', '-o', `size=${SIZE},mode=0711`, 'tmpfs', folder]);
    } catch (error) {
      await rmdir(folder);
      return `no file system can be mounted: ${(error as Error).message.trim().split('\n').at(-1)}`;
    }
    const shell = spawn('/bin/sh', ['-c', GUARD, 'disk-guard', folder], {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
      cwd: '/',
    });
    const guard = shell.stdin as Socket;
    // A guard that is gone already cannot be told anything.
    shell.on('error', () => undefined);
    guard.on('error', () => undefined);
    shell.unref();
    guard.unref();
    return new SmallDisk(folder, guard);
  }

  /** Leaves so many bytes free, or a few more. */
  async fill(spareBytes: number): Promise<void> {
    for (let tried = 1; ; tried++) {
      const { blocks, bfree, bsize } = await statfs(this.folder);
      try {
        return await this.#resize(`${(blocks - bfree) * bsize + spareBytes}`);
      } catch (error) {
        // More was written since it was looked at.
        if (tried === FILL_TRIES) throw error;
      }
    }
  }

  /** Makes it as large as it was. Safe to repeat. */
  async empty(): Promise<void> {
    await this.#resize(SIZE);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await run('umount', ['-l', this.folder]);
    await rmdir(this.folder);
    this.#guard.end('done\n');
  }

  async #resize(size: string): Promise<void> {
    await run('mount', ['-o', `remount,size=${size}`, this.folder]);
  }
}
