/** Cuts a list into runs that hold so many bytes at most, or one item. `bytes` are those of the items, by their places. */
export function cutBySize<T>(items: readonly T[], bytes: readonly number[], most: number): T[][] {
  const runs: T[][] = [];
  let held = 0;
  for (const [place, item] of items.entries()) {
    const size = bytes[place] ?? 0;
    const run = runs.at(-1);
    if (run === undefined || held + size > most) {
      runs.push([item]);
      held = size;
    } else {
      run.push(item);
      held += size;
    }
  }
  return runs;
}
