insert into wide select nextval('wide_ids'), note, doc, at, amount, flag, raw, list from wide_source where id = 1;
