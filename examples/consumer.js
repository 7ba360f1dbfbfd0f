// @ts-check
// Keeps a copy of every event of a queue in a table of the same database: each event once, even when this program is
// killed and started again.
//
//   node examples/consumer.js CONNINFO QUEUE CONSUMER
//
// In a program of your own the import is the same, after `npm install pgcascade`.
import { Consumer } from 'pgcascade';

const [conninfo, queue, name] = process.argv.slice(2);
if (conninfo === undefined || queue === undefined || name === undefined) {
  process.stderr.write('usage: node examples/consumer.js CONNINFO QUEUE CONSUMER\n');
  process.exit(1);
}

const stop = new AbortController();
process.once('SIGINT', () => stop.abort());
process.once('SIGTERM', () => stop.abort());

const consumer = new Consumer({
  conninfo,
  queue,
  name,
  environment: process.env,
  onReconnect: (error, pauseMs) => process.stderr.write(`${error.message} Next try in ${pauseMs} ms.\n`),
});
if (await consumer.register()) process.stdout.write('registered\n');

// `run` goes on after a lost connection; `for await (const batch of consumer.batches())` would end with an error.
await consumer.run(
  async (batch) => {
    const count = await batch.transaction(async (tx) => {
      await tx.execute(`create table if not exists event_copy (
        ev_id bigint primary key, ev_time timestamptz, ev_type text, ev_data text)`);
      let written = 0;
      for await (const event of batch.events()) {
        await tx.execute('insert into event_copy values ($1, $2, $3, $4)', [
          event.id,
          event.time,
          event.type,
          event.data,
        ]);
        written++;
      }
      return written;
    });
    process.stdout.write(`batch ${batch.id}: ${count} events\n`);
  },
  { signal: stop.signal },
);
