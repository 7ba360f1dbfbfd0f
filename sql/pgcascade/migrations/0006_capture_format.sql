-- In which form captured rows travel: nodes of the stock Londiste read numbers and booleans exactly in one of them only.

create table pgcascade.queue_format (
    queue_name      text not null,
    capture_format  text not null,
    constraint queue_format_pkey primary key (queue_name),
    constraint queue_format_known check (capture_format in ('json', 'urlenc'))
);
comment on table pgcascade.queue_format is 'The form of captured rows, for queues that were told one; json for all others.';
comment on column pgcascade.queue_format.queue_name is 'Queue that the events go into.';
comment on column pgcascade.queue_format.capture_format is 'json: as jsontriga writes; urlenc: as logutriga writes.';

alter table pgcascade.capture_plan
    add column capture_format text not null default 'json';
comment on column pgcascade.capture_plan.capture_format is 'The form in which the triggers write rows; see queue_format.';
