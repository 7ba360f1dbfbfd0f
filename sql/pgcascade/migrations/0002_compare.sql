-- Snapshots that a compare asks of this node's worker.

create sequence pgcascade.snapshot_request_id_seq;

create table pgcascade.snapshot_request (
    request_id    bigint not null,
    lock_key      integer not null,
    queue_name    text not null,
    tick_id       bigint not null,
    state         text not null default 'waiting',
    snapshot      text,
    reason        text,
    requested_at  timestamptz not null default pg_catalog.now(),
    constraint snapshot_request_pkey primary key (request_id),
    constraint snapshot_request_state_check check (
        state = 'waiting' and snapshot is null and reason is null
        or state = 'ready' and snapshot is not null and reason is null
        or state = 'failed' and snapshot is null and reason is not null
    )
);
comment on table pgcascade.snapshot_request is 'Snapshots of this node at a tick: asked for by compare, opened by the worker when it has completed that tick.';
comment on column pgcascade.snapshot_request.request_id is 'Also the payload of the notification on channel pgcascade_snapshot.';
comment on column pgcascade.snapshot_request.lock_key is 'Second part of the advisory lock that compare holds while it needs the snapshot.';
comment on column pgcascade.snapshot_request.queue_name is 'Queue whose worker is asked.';
comment on column pgcascade.snapshot_request.tick_id is 'Tick at which the snapshot is wanted.';
comment on column pgcascade.snapshot_request.state is 'waiting, ready (the snapshot can be imported) or failed.';
comment on column pgcascade.snapshot_request.snapshot is 'Name for SET TRANSACTION SNAPSHOT, while ready.';
comment on column pgcascade.snapshot_request.reason is 'Why there is no snapshot, when failed.';
comment on column pgcascade.snapshot_request.requested_at is 'When compare asked.';
