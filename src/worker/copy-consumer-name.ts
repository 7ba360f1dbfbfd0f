/** The consumer that keeps the events after the copy's tick for one table. */
export function copyConsumerName(consumerName: string, tableName: string): string {
  return `${consumerName}.copy.${tableName}`;
}
