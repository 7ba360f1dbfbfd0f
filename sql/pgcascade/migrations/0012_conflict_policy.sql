-- What a worker does with a table that cannot take an event, and what it has left out for that.

create table pgcascade.conflict_policy (
    queue_name  text not null,
    table_name  text not null,
    policy      text not null,
    constraint conflict_policy_pkey primary key (queue_name, table_name),
    constraint conflict_policy_known check (policy in ('park', 'stop', 'ignore-missing'))
);
comment on table pgcascade.conflict_policy is 'What the worker of this node does when an event of a table cannot be applied, for tables that were told; the others go by the key conflict of the ini file.';
comment on column pgcascade.conflict_policy.queue_name is 'Queue of the table.';
comment on column pgcascade.conflict_policy.table_name is 'Name of the table in the queue.';
comment on column pgcascade.conflict_policy.policy is 'park: sets the table aside; stop: rolls the batch back and ends; ignore-missing: leaves out changes of rows that are not here, and parks on all else.';

create table pgcascade.left_out (
    queue_name  text not null,
    table_name  text not null,
    changes     bigint not null,
    last_at     timestamptz not null,
    constraint left_out_pkey primary key (queue_name, table_name)
);
comment on table pgcascade.left_out is 'Changes that were left out under ignore-missing since the table was last copied.';
comment on column pgcascade.left_out.queue_name is 'Queue of the table.';
comment on column pgcascade.left_out.table_name is 'Name of the table in the queue.';
comment on column pgcascade.left_out.changes is 'How many.';
comment on column pgcascade.left_out.last_at is 'When the last batch with such changes was applied.';

-- It returns more now, which no replacement can.
drop function if exists pgcascade.table_list(text);
