-- Function: pgcascade.capture_format(1)
--
-- In which form the rows of a queue's tables are captured from now on.
--
-- Returns: json or urlenc; json for a queue that was told nothing.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
create or replace function pgcascade.capture_format(
    p_queue_name  text
)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select coalesce((select f.capture_format from pgcascade.queue_format as f where f.queue_name = p_queue_name), 'json');
$$;

-- Function: pgcascade.set_capture_format(2)
--
-- Says in which form rows are captured from now on. Tables that are captured already keep their triggers until
-- pgcascade.create_capture makes them anew: capture_plan says in which form those write.
--
-- Returns: nothing.
-- Raises:  a check violation for a form that is not known.
-- Locks:   the queue's row. May be repeated.
create or replace function pgcascade.set_capture_format(
    p_queue_name  text,
    p_format      text
)
returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
    insert into pgcascade.queue_format (queue_name, capture_format)
    values (p_queue_name, p_format)
    on conflict (queue_name) do update
       set capture_format = excluded.capture_format;
$$;

-- Function: pgcascade.urlencode(1)
--
-- A text as PgQ writes it into urlencoded data: letters, digits, `_`, `.` and `-` as they are, a space as `+`, every other
-- byte as % and two lower-case hexadecimal digits.
--
-- Returns: text; null for null.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
create or replace function pgcascade.urlencode(
    p_text  text
)
returns text
language sql
immutable
strict
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(string_agg(
               case
                   when c.letter ~ '^[0-9A-Za-z_.-]$' then c.letter
                   when c.letter = ' ' then '+'
                   else regexp_replace(encode(convert_to(c.letter, getdatabaseencoding()), 'hex'), '(..)', '%\1', 'g')
               end,
               '' order by c.position
           ), '')
      from regexp_split_to_table(p_text, '') with ordinality as c(letter, position);
$$;
