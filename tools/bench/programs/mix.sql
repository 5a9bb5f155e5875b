create table item (id integer primary key, name text, price real, kind integer);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 120000)
  insert into item select i, 'name' || (i * 7919 % 10007), i % 977 / 8.0, i % 13 from n;
create index by_name on item (name);
select kind, count(*), sum(price), max(name) from item group by kind order by kind limit 3;
select count(*) from item a join item b on a.name = b.name where a.id < 3000;
update item set price = price + 1 where kind = 3;
select sum(price), count(distinct name) from item;
