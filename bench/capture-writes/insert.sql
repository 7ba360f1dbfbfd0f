insert into single
select nextval('inserted'), note, doc, at, amount, flag, raw, list from single_source where id = 1;
