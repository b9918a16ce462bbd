import { DurableObject } from "cloudflare:workers";
export class PagerDutyUser extends DurableObject {
  hello(){ 
    const s=this.ctx.storage.sql; const out={};
    const run=(q,...a)=>{const c=s.exec(q,...a); c.toArray(); return c.rowsWritten};
    s.exec("drop table if exists t");
    out.create=run("create table t(seq integer primary key, w text, i text, e text, d text)");
    run("create unique index tw on t(w)"); run("create index ti on t(i,e)"); run("create index tp on t(d) where d='p'");
    out.insertNull=run("insert into t(w,i,e,d) values('a','b','c',null)");
    out.insertP=run("insert into t(w,i,e,d) values('a2','b','c2','p')");
    out.updP=run("update t set d='x' where w='a2'");
    out.updX=run("update t set d='y' where w='a2'");
    s.exec("drop table if exists u"); run("create table u(id text primary key, s text, o integer, c integer) without rowid");
    out.insU=run("insert into u values('a','b',1,1)");
    out.updU=run("update u set s='c' where id='a'");
    out.upsU=run("insert into u values('a','b',1,1) on conflict(id) do update set s=excluded.s");
    out.repU=run("insert or replace into u values('a','b',1,1)");
    return out; }
}
export default { async fetch(r, env) { return Response.json(await env.PAGERDUTY_USER.getByName("x").hello()) } };
