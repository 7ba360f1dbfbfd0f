-- What compare found last, and requests at whose tick the worker stands still for a repair.

create table pgcascade.compare_result (
    queue_name   text not null,
    object_name  text not null,
    tick_id      bigint not null,
    compared_at  timestamptz not null,
    verdict      text not null,
    scope        text not null,
    detail       text,
    constraint compare_result_pkey primary key (queue_name, object_name),
    constraint compare_result_verdict_check check (verdict in ('equal', 'different', 'not checked'))
);
comment on table pgcascade.compare_result is 'The last compare of each table and sequence of this node.';
comment on column pgcascade.compare_result.queue_name is 'Queue of the table.';
comment on column pgcascade.compare_result.object_name is 'Name of the table or sequence in the queue.';
comment on column pgcascade.compare_result.tick_id is 'Tick at which both sides were compared; the last one of a table that was read in several groups.';
comment on column pgcascade.compare_result.compared_at is 'When the compare had its result, by this server''s clock.';
comment on column pgcascade.compare_result.verdict is 'equal, different or not checked.';
comment on column pgcascade.compare_result.scope is 'What of it was compared: all, rows counted, a sample, rows of a condition, the sums of compare_sql.';
comment on column pgcascade.compare_result.detail is 'What differs in numbers, or why it was not checked; no values.';

alter table pgcascade.snapshot_request add column holds boolean not null default false;
comment on column pgcascade.snapshot_request.holds is 'The worker begins no batch at its tick until the request has ended: a repair writes there.';
