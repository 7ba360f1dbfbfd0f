/**
 * The blocks of `source`, of which the next one is read and taken apart while the caller works on the one before: so two
 * blocks are held at most, beside what the socket holds.
 *
 * `abandon` is called when the caller stops before the end; it has to end a read that is under way (by cutting the
 * connection), which is waited for. An error of the source comes when the caller asks for the block that it concerns.
 */
export async function* readAhead<T>(
  source: AsyncGenerator<T, void, undefined>,
  abandon: () => void,
): AsyncGenerator<T, void, undefined> {
  let hasEnded = false;
  const read = () => {
    const next = source.next();
    next.then(
      ({ done }) => {
        hasEnded = done === true;
      },
      () => {
        hasEnded = true;
      },
    );
    return next;
  };
  let next = read();
  try {
    for (;;) {
      const result = await next;
      if (result.done === true) return;
      next = read();
      yield result.value;
    }
  } finally {
    if (!hasEnded) abandon();
    await source.return();
  }
}
