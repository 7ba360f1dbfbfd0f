delete from single where id = (select nextval('deleted'));
