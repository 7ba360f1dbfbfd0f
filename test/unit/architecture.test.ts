import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SRC = join(ROOT, 'src');

/** The rows of the import table in layout.md, from the bottom up: what each folder may import besides itself. */
const LAYERS: readonly { readonly folders: readonly string[]; readonly mayImport: readonly string[] }[] = [
  { folders: ['errors'], mayImport: [] },
  { folders: ['runtime', 'config'], mayImport: ['errors'] },
  { folders: ['db'], mayImport: ['errors', 'runtime'] },
  { folders: ['install', 'queue'], mayImport: ['errors', 'runtime', 'db'] },
  { folders: ['ticker', 'cascade'], mayImport: ['errors', 'runtime', 'db', 'queue'] },
  { folders: ['replica', 'capture'], mayImport: ['errors', 'runtime', 'db', 'queue', 'cascade'] },
  {
    folders: ['apply'],
    mayImport: ['errors', 'runtime', 'db', 'queue', 'cascade', 'replica', 'capture'],
  },
  {
    folders: ['handlers'],
    mayImport: ['errors', 'runtime', 'db', 'queue', 'cascade', 'replica', 'capture', 'apply'],
  },
];
