/** The command line `replicate INI COMMAND …`, taken apart. Options may stand anywhere. */
export interface SplitWords {
  readonly ini: string | undefined;
  readonly verb: string | undefined;
  /** Everything but the two. */
  readonly rest: readonly string[];
  /** True when an option that is not known stands before the verb, so that a word after it may be its value. */
  readonly isUncertain: boolean;
}

/**
 * Finds the ini file and the verb: the first two words that are neither an option nor an option's value.
 * `valueOptions` are the options that take the next word as their value, `plainOptions` those that do not.
 */
export function splitWords(
  words: readonly string[],
  valueOptions: ReadonlySet<string>,
  plainOptions: ReadonlySet<string>,
): SplitWords {
  const operands: string[] = [];
  const rest: string[] = [];
  let isUncertain = false;
  let isOperandsOnly = false;
  let position = 0;
  for (; position < words.length && operands.length < 2; position++) {
    const word = words[position] as string;
    if (isOperandsOnly || !word.startsWith('-') || word === '-') {
      operands.push(word);
      continue;
    }
    rest.push(word);
    if (word === '--') {
      isOperandsOnly = true;
      continue;
    }
    if (valueOptions.has(word)) {
      const value = words[++position];
      if (value !== undefined) rest.push(value);
    } else if (word.startsWith('--') && !word.includes('=') && !plainOptions.has(word)) {
      isUncertain = true;
    }
  }
  return { ini: operands[0], verb: operands[1], rest: [...rest, ...words.slice(position)], isUncertain };
}
