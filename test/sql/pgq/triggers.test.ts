import { expect, test } from 'vitest';
import { MAJORS, openQueue, type QueueFixture } from './queue-fixture.js';

/** What the last transactions wrote; they are forgotten then. */
async function written(queue: QueueFixture): Promise<string[]> {
  const rows = await queue.rows<{ line: string }>(
    `with gone as (delete from pgq.event_1 returning *)
     select concat_ws(' | ', ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4) as line from gone order by ev_id`,
  );
  return rows.map(({ line }) => line);
}

async function addTrigger(queue: QueueFixture, name: string, ...args: readonly string[]): Promise<void> {
  const list = ['q', ...args].map((arg) => `'${arg.replaceAll("'", "''")}'`).join(', ');
  await queue.session.execute(
    `drop trigger if exists z on t;
     create trigger z after insert or update or delete on t for each row execute procedure pgq.${name}(${list})`,
  );
}

for (const major of MAJORS) {
  test(`PostgreSQL ${major}: each trigger writes rows in its format`, async () => {
    await using queue = await openQueue(major);
    await queue.session.execute(
      'create table t (a int, b text, pid int, v numeric, z int, primary key (b, a))',
    );
    const writes = `insert into t values (3, E'n&=%+ ü''\\\\', 2, 1.10, 7);
      update t set v = null, z = null; update t set pid = 2; delete from t`;
    const run = async (name: string, ...args: readonly string[]) => {
      await addTrigger(queue, name, ...args);
      await queue.session.execute(writes);
      return written(queue);
    };

    const start = 'a=3&b=n%26%3d%25%2b+%c3%bc%27%5c&pid=2';
    expect(await run('logutriga')).toEqual([
      `I:b,a | ${start}&v=1.10&z=7 | public.t`,
      `U:b,a | ${start}&v&z | public.t`,
      `U:b,a | ${start}&v&z | public.t`,
      `D:b,a | ${start}&v&z | public.t`,
    ]);
    const key = "a='3' and b=E'n&=%+ ü''\\\\'";
    expect(await run('sqltriga', 'backup')).toEqual([
      `I | (a,b,pid,v,z) values ('3',E'n&=%+ ü''\\\\','2','1.10','7') | public.t`,
      `U | v=NULL,z=NULL where ${key} | public.t | ${start}&v=1.10&z=7`,
      `U | a='3' where ${key} | public.t | ${start}&v&z`,
      `D | ${key} | public.t`,
    ]);
    const type = (op: string) => `{"op":"${op}","table":["public","t"],"pkey":["b","a"]}`;
    const row = (v: string, z: string) => `{"a":3,"b":"n&=%+ ü'\\\\","pid":2,"v":${v},"z":${z}} | public.t`;
    expect(await run('jsontriga')).toEqual([
      `${type('INSERT')} | ${row('"1.10"', '7')}`,
      `${type('UPDATE')} | ${row('null', 'null')}`,
      `${type('UPDATE')} | ${row('null', 'null')}`,
      `${type('DELETE')} | ${row('null', 'null')}`,
    ]);
  });

  test(`PostgreSQL ${major}: values have the text of their types`, async () => {
    await using queue = await openQueue(major);
    await queue.session.execute(`set timezone = 'UTC'; set datestyle = 'ISO'; set extra_float_digits = 0; set bytea_output = 'hex';
      create table t (id bigint primary key, f bool, c char(4), ip inet, n numeric, d double precision, ts timestamptz, day date, by bytea, arr text[], j json)`);
    const insert = `insert into t values (9223372036854775807, true, 'x', '10.0.0.1', 1.50, 0.1, '2020-01-01 00:00:00.5+00', 'infinity',
      '\\xff', '{a,NULL}', '{"k" : 1}'); delete from t`;
    await addTrigger(queue, 'logutriga');
    await queue.session.execute(insert);
    expect((await written(queue))[0]).toBe(
      'I:id | id=9223372036854775807&f=t&c=x+++&ip=10.0.0.1&n=1.50&d=0.1&ts=2020-01-01+00%3a00%3a00.5%2b00&day=infinity' +
        '&by=%5cxff&arr=%7ba%2cNULL%7d&j=%7b%22k%22+%3a+1%7d | public.t',
    );
    await addTrigger(queue, 'jsontriga');
    await queue.session.execute(insert);
    expect((await written(queue))[0]).toContain(
      '{"id":9223372036854775807,"f":true,"c":"x   ","ip":"10.0.0.1","n":"1.50","d":"0.1","ts":"2020-01-01T00:00:00.5+00:00",' +
        '"day":"infinity","by":"\\\\xff","arr":"{a,NULL}","j":"{\\"k\\" : 1}"}',
    );
  });

  test(`PostgreSQL ${major}: the arguments choose what is written`, async () => {
    await using queue = await openQueue(major);
    await queue.session.execute('create table t (a int primary key, b text, c int)');
    const write = async (...args: readonly string[]) => {
      await addTrigger(queue, 'logutriga', ...args);
      await queue.session.execute("insert into t values (1, 'x', 2); update t set c = 3; delete from t");
      return written(queue);
    };
    expect(await write('ignore=c')).toEqual(['I:a | a=1&b=x | public.t', 'D:a | a=1&b=x | public.t']);
    expect((await write('pkey=b,a'))[0]).toBe('I:b,a | a=1&b=x&c=2 | public.t');
    expect((await write('backup'))[1]).toBe('U:a | a=1&b=x&c=3 | public.t | a=1&b=x&c=2');
    expect(await write('when=c = 3', "ev_type='T' || a", 'ev_extra1=c', 'ev_extra2=c > 1')).toEqual([
      'T1 | a=1&b=x&c=3 | 3 | t',
      'T1 | a=1&b=x&c=3 | 3 | t',
    ]);
    await expect(write('deny')).rejects.toThrow("Table 'public.t' to queue 'q': change not allowed (INSERT)");
    await expect(write('bogus')).rejects.toThrow('bad param to pgq trigger');
    await expect(write('SKIP')).rejects.toThrow('SKIP does not work in AFTER trigger.');
    await expect(write('when=c')).rejects.toThrow('when= query result must be boolean, got=23');
    await addTrigger(queue, 'logutriga');
    await queue.session.execute("insert into t values (1, 'x', 2)");
    await expect(queue.session.execute('update t set a = 2')).rejects.toThrow(
      'primary key update not allowed',
    );
  });

  test(`PostgreSQL ${major}: a BEFORE trigger with SKIP writes the event and keeps the row away`, async () => {
    await using queue = await openQueue(major);
    await queue.session.execute(`create table t (a int primary key);
      create trigger z before insert on t for each row execute procedure pgq.sqltriga('q', 'SKIP');
      insert into t values (1)`);
    expect(await written(queue)).toEqual(["I | (a) values ('1') | public.t"]);
    expect(await queue.rows('select * from t')).toEqual([]);
    await queue.session.execute("set session_replication_role = 'local'; insert into t values (2)");
    expect(await queue.rows('select * from t')).toEqual([{ a: 2 }]);
  });

  test(`PostgreSQL ${major}: TRUNCATE is an event, or is refused`, async () => {
    await using queue = await openQueue(major);
    await queue.session.execute(`create table t (a int primary key);
      create trigger z after truncate on t for each statement execute procedure pgq.jsontriga('q');
      truncate t`);
    expect(await written(queue)).toEqual([
      '{"op":"TRUNCATE","table":["public","t"],"pkey":["a"]} | {} | public.t',
    ]);
    await queue.session.execute(`drop trigger z on t;
      create trigger z after truncate on t for each statement execute procedure pgq.sqltriga('q', 'deny')`);
    await expect(queue.session.execute('truncate t')).rejects.toThrow('change not allowed (TRUNCATE)');
  });

  test(`PostgreSQL ${major}: a table that was altered is written as it is now, in the same statement string and in other sessions`, async () => {
    await using queue = await openQueue(major);
    const other = await queue.open();
    await queue.session.execute('create table t (a int primary key, b text)');
    await addTrigger(queue, 'logutriga');
    await queue.session.execute("insert into t values (1, 'x')");
    await other.execute("insert into t values (2, 'y')");
    await written(queue);
    await queue.session.execute(`update t set b = 'z' where a = 1; alter table t add c int default 7; update t set b = 'u' where a = 1;
      alter table t rename b to bb; update t set bb = 'v' where a = 1; alter table t drop column c; update t set bb = 'w' where a = 1`);
    expect(await written(queue)).toEqual([
      'U:a | a=1&b=z | public.t',
      'U:a | a=1&b=u&c=7 | public.t',
      'U:a | a=1&bb=v&c=7 | public.t',
      'U:a | a=1&bb=w | public.t',
    ]);
    await other.execute("update t set bb = 'o' where a = 2");
    expect(await written(queue)).toEqual(['U:a | a=2&bb=o | public.t']);
    await queue.session.execute('alter table t drop constraint t_pkey, add primary key (bb)');
    await other.execute('delete from t where a = 2');
    expect(await written(queue)).toEqual(['D:bb | a=2&bb=o | public.t']);
    const writers = "(select count(*) from pg_proc where proname ~ '^_logutriga_')";
    expect(await queue.value(writers)).toBe(1n);
    await queue.session.execute('drop table t');
    await queue.rows('select pgq.upgrade_schema()');
    expect(await queue.value(writers)).toBe(0n);
  });

  test(`PostgreSQL ${major}: two sessions that are the first to fire a trigger do not wait for each other`, async () => {
    await using queue = await openQueue(major);
    const other = await queue.open();
    await queue.session.execute('create table t (a int primary key)');
    await addTrigger(queue, 'logutriga');
    await other.execute("set lock_timeout = '5s'");
    await queue.session.execute('begin; insert into t values (1)');
    await other.execute('insert into t values (2)');
    await queue.session.execute('rollback');
    await queue.session.execute('insert into t values (3)');
    await other.execute('insert into t values (4)');
    expect(await written(queue)).toEqual([
      'I:a | a=2 | public.t',
      'I:a | a=3 | public.t',
      'I:a | a=4 | public.t',
    ]);
  });

  test(`PostgreSQL ${major}: a role without rights on pgq is refused, a writer is not, and neither can make code run`, async () => {
    await using queue = await openQueue(major);
    const role = `r${Math.random().toString(36).slice(2)}`;
    await queue.session.execute(
      `create table t (a int primary key); create role ${role}; grant insert on t to ${role}`,
    );
    await addTrigger(queue, 'logutriga');
    await queue.session.execute(`set role ${role}`);
    await expect(queue.session.execute('insert into t values (1)')).rejects.toThrow('permission denied');
    await expect(
      queue.session.execute("select pgq._make_row_writer('t'::regclass, 'logutriga', '{q,ev_data=1}')"),
    ).rejects.toThrow('has no such trigger');
    await queue.session.execute(
      `reset role; grant pgq_writer to ${role}; set role ${role}; insert into t values (2); reset role`,
    );
    expect(await written(queue)).toEqual(['I:a | a=2 | public.t']);
    await queue.session.execute(`drop owned by ${role}; drop role ${role}`);
  });
}

for (const major of MAJORS) {
  test(`PostgreSQL ${major}: more row writers than a trigger calls by static expressions`, async () => {
    await using queue = await openQueue(major);
    for (let i = 1; i <= 34; i++) {
      await queue.session.execute(
        `create table t${i} (a int primary key);
         create trigger x after insert on t${i} for each row execute procedure pgq.logutriga('q')`,
      );
      await queue.session.execute(`insert into t${i} values (0)`);
    }
    await queue.session.execute('insert into t1 values (1); insert into t34 values (1)');
    const source = await queue.value<string>(
      "(select prosrc from pg_proc where oid = 'pgq.logutriga()'::regprocedure)",
    );
    expect(source.match(/pgq\._logutriga_\d+_\w+\(tg_op, new, old\)/g)).toHaveLength(32);
    expect(source).not.toContain(`${await queue.value("'t1'::regclass::oid::text")} and`);
    expect(await queue.rows("select ev_data from pgq.event_1 where ev_data = 'a=1'")).toHaveLength(2);
    expect(await queue.rows('select from pgq.event_1')).toHaveLength(36);
  });

  test(`PostgreSQL ${major}: a first row does not wait for another table's first row`, async () => {
    await using queue = await openQueue(major);
    const other = await queue.open();
    await queue.session.execute(
      `create table one (a int primary key);
       create table two (a int primary key);
       create trigger x after insert on one for each row execute procedure pgq.logutriga('q');
       create trigger x after insert on two for each row execute procedure pgq.logutriga('q')`,
    );
    await queue.session.execute('begin; insert into one values (1)');
    // A wait would end this statement.
    await other.execute("set lock_timeout = '1s'; insert into two values (1); insert into two values (2)");
    await other.execute('insert into one values (2); insert into one values (3)');
    await queue.session.execute('commit');
    await other.execute('insert into one values (4); insert into two values (4)');
    expect(await queue.rows('select from pgq.event_1')).toHaveLength(7);
  });

  test(`PostgreSQL ${major}: nobody can put a row writer of his own into the place of ours`, async () => {
    await using queue = await openQueue(major);
    await queue.session.execute(
      `create table t (a int primary key);
       create trigger x after insert on t for each row execute procedure pgq.logutriga('q');
       insert into t values (1)`,
    );
    const [writer] = await queue.rows<{ name: string }>(
      "select proname as name from pg_proc where proname like '\\_logutriga\\_%'",
    );
    await queue.session.execute(
      `drop function pgq.${writer?.name}(text, anyelement, anyelement);
       select pgq._make_generic_triggers();
       grant all on table t to public;
       create role intruder_${major};
       grant pgq_writer to intruder_${major};
       create function public.took() returns int language plpgsql as 'begin raise exception ''intruder''; end';
       set role intruder_${major}`,
    );
    await queue.session.execute(
      `create function pg_temp.${writer?.name}(text, anyelement, anyelement) returns int language sql as 'select public.took()';
       reset role`,
    );
    await queue.session.execute('insert into t values (2)');
    expect(await queue.rows('select ev_data from pgq.event_1 order by ev_id')).toEqual([
      { ev_data: 'a=1' },
      { ev_data: 'a=2' },
    ]);
    await queue.session.execute(
      `reset role; revoke all on table t from public; drop owned by intruder_${major}; drop role intruder_${major}`,
    );
  });
}
