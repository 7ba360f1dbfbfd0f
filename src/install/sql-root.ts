import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ReplicateError } from '../errors/replicate-error.js';

/**
 * The `sql` folder of this package: the one beside the nearest package.json above this file, which is right for
 * `dist/install` as for `src/install`. Throws PC900 when the package was built without it.
 */
export function findSqlRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) {
    const parent = dirname(folder);
    if (parent === folder)
      throw new ReplicateError('PC900', 'The package has no package.json above its code.');
    folder = parent;
  }
  const root = join(folder, 'sql');
  if (!existsSync(root)) throw new ReplicateError('PC900', 'The package lacks its sql folder.', { root });
  return root;
}
