import type { Connection } from '../db/connection.js';
import type { CopyDataPorts } from './copy-job.js';
import { openSubscriber } from './open-subscriber.js';
import { watchProvider } from './watch-provider.js';

export interface CopySessions {
  /** One more session on the provider. */
  readonly openReader: () => Promise<Connection>;
  /** One more on the subscriber, that of a replica where it may be. */
  readonly openWriter: () => Promise<Connection>;
}

/** Runs `body` with sessions that end with it. A stop cuts them: the server rolls back, and no statement is waited for. */
export async function withCopySessions<T>(
  { options, providerLocation, signal }: Pick<CopyDataPorts, 'options' | 'providerLocation' | 'signal'>,
  body: (sessions: CopySessions) => Promise<T>,
): Promise<T> {
  const { connect, conninfo, consumerName } = options;

  const application = `copy/${consumerName}`;
  const open: Connection[] = [];
  const watches: Disposable[] = [];
  const keep = async (opening: Promise<Connection>) => {
    const connection = await opening;
    open.push(connection);
    return connection;
  };
  const cut = () => {
    for (const connection of open) connection.destroy();
  };
  signal.addEventListener('abort', cut, { once: true });
  try {
    return await body({
      openReader: async () => {
        const reader = await keep(connect(providerLocation, { application, signal }));
        watches.push(watchProvider(options, reader, providerLocation));
        return reader;
      },
      openWriter: () => keep(openSubscriber(connect, conninfo, application, signal)),
    });
  } finally {
    signal.removeEventListener('abort', cut);
    for (const watch of watches) watch[Symbol.dispose]();
    await Promise.all(open.map((connection) => connection.close()));
  }
}
