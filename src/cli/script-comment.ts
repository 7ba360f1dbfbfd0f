/** A line of a script that says something: names may hold line breaks, and nothing of them may become a statement. */
export function scriptComment(text: string): string {
  return `-- ${text.replaceAll(/[\r\n]+/g, ' ')}`;
}
