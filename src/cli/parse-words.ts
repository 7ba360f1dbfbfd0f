import { type Command, CommanderError } from 'commander';

/**
 * Reads the words of a command line into the command. False when they asked for help or the version, which has been
 * printed then. Throws commander's error for words that do not fit.
 */
export function parseWords(command: Command, words: readonly string[]): boolean {
  try {
    command.parse([...words], { from: 'user' });
    return true;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return false;
    throw error;
  }
}
