-- Tables that are captured by a generic trigger of pgq with arguments of the operator's, or by nothing of ours.

alter table pgcascade.capture_plan
    add column trigger_args text[] not null default '{}';
comment on column pgcascade.capture_plan.trigger_args is 'What the operator wants of the triggers: no_triggers, tgflags=LETTERS, arguments of the generic triggers; empty for generated triggers.';
comment on column pgcascade.capture_plan.mode is 'statement: triggers with transition tables; row: one call a row; mixed: inserts by statement, the rest by row; trigger: a generic trigger of pgq with arguments; none: no trigger of ours.';

alter table pgcascade.capture_plan
    drop constraint capture_plan_mode_check;
alter table pgcascade.capture_plan
    add constraint capture_plan_mode_check check (mode in ('statement', 'mixed', 'row', 'trigger', 'none'));
