/**
 * Delta debugging: the smallest list of steps, in their order, that still fails, as far as leaving steps out finds it. `fails` is asked
 * about shorter and shorter lists; a list that fails only sometimes should be tried several times by it.
 *
 * The result fails, and none of its lists without one single step did.
 */
export async function shrink<T>(
  steps: readonly T[],
  fails: (candidate: readonly T[]) => Promise<boolean>,
): Promise<readonly T[]> {
  let current = steps;
  let parts = 2;
  while (current.length > 0) {
    const smaller = await firstFailing(withoutEachPart(current, parts), fails);
    if (smaller !== undefined) {
      current = smaller;
      parts = Math.max(2, Math.min(parts - 1, current.length));
    } else if (parts >= current.length) {
      break;
    } else {
      parts = Math.min(current.length, parts * 2);
    }
  }
  return current;
}

async function firstFailing<T>(
  candidates: readonly (readonly T[])[],
  fails: (candidate: readonly T[]) => Promise<boolean>,
): Promise<readonly T[] | undefined> {
  for (const candidate of candidates) if (await fails(candidate)) return candidate;
  return undefined;
}

/** The list without its first part, without its second, and so on. */
function withoutEachPart<T>(list: readonly T[], parts: number): (readonly T[])[] {
  const count = Math.min(parts, list.length);
  return Array.from({ length: count }, (_, no) => {
    const from = Math.floor((no * list.length) / count);
    const to = Math.floor(((no + 1) * list.length) / count);
    return [...list.slice(0, from), ...list.slice(to)];
  });
}
