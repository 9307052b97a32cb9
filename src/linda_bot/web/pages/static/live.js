"use strict";

/* Keeps a page as the bot is: its parts come as server-sent events, from the address in <body data-live>. */
(() => {
  const SILENT_MS = 25000; // the bot says something every 15 s
  const LOST_MS = 2000;
  const SOONEST_MS = 1000, LATEST_MS = 5000;
  const GONE = [401, 403, 404];
  const RELOADED = "linda-bot reloaded";

  const body = document.body;
  const banner = document.createElement("p");
  const came = new Map(); // part -> its HTML as the bot sent it
  const waiting = new Map(); // part -> HTML that must wait until nobody selects text there
  const ends = new WeakMap(); // element that counts down -> when it is at zero
  let boot = body.dataset.boot || "";
  let source = null, wait = SOONEST_MS, heardAt = Date.now(), lostAt = 0, today = "", trouble = "";

  /* What is shown */

  function show(name, html) {
    const part = document.getElementById("part-" + name);
    if (!part || came.get(name) === html) return;
    const chosen = document.getSelection();
    if (chosen && !chosen.isCollapsed && chosen.containsNode(part, true)) {
      waiting.set(name, html);
      return;
    }
    waiting.delete(name);
    came.set(name, html);
    const focus = part.contains(document.activeElement) ? document.activeElement.id : "";
    const open = Array.from(part.querySelectorAll("details[open][id]"), (each) => each.id);
    part.innerHTML = html; // the server's own, escaped there
    for (const id of open) document.getElementById(id)?.setAttribute("open", "");
    if (focus) document.getElementById(focus)?.focus({ preventScroll: true });
    begin(part);
  }

  function begin(place) {
    for (const time of place.querySelectorAll("time[datetime]")) localise(time);
    for (const each of place.querySelectorAll("[data-left]")) ends.set(each, Date.now() + 1000 * Number(each.dataset.left));
    const title = place.querySelector("[data-title]")?.dataset.title;
    if (title) document.title = title + " · linda-bot";
    countDown();
  }

  function localise(time) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) return;
    if (!time.title) time.title = time.textContent;
    const form = { timeStyle: "short" in time.dataset ? "short" : "medium" };
    if (at.toDateString() !== new Date().toDateString()) form.dateStyle = "medium";
    time.textContent = new Intl.DateTimeFormat(undefined, form).format(at);
  }

  function countDown() {
    for (const each of document.querySelectorAll("[data-left]")) {
      const left = Math.max(0, Math.ceil((ends.get(each) - Date.now()) / 1000));
      const text = "clock" in each.dataset ? Math.floor(left / 60) + ":" + String(left % 60).padStart(2, "0") : String(left);
      if (each.textContent !== text) each.textContent = text;
      if (left === 0) expire(each.closest("[data-expires]"));
    }
  }

  function expire(element) {
    if (!element || element.hidden) return;
    element.hidden = true;
    const instead = element.parentElement.querySelector("[data-expired]");
    if (instead) instead.hidden = false;
  }

  function say(text, isBack) {
    if (banner.textContent !== text) banner.textContent = text;
    banner.classList.toggle("is-back", isBack);
  }

  /* Where it comes from */

  function hear() {
    heardAt = Date.now();
    if (!lostAt) return;
    lostAt = 0;
    trouble = "";
    wait = SOONEST_MS;
    body.classList.remove("is-lost");
    if (!banner.textContent) return;
    say("Back again.", true);
    setTimeout(() => { if (!lostAt) say("", false); }, 5000);
  }

  function lose() {
    if (source) source.close();
    source = null;
    lostAt = lostAt || Date.now();
    setTimeout(connect, wait);
    wait = Math.min(wait * 1.5, LATEST_MS);
  }

  function connect() {
    if (source) return;
    const mine = source = new EventSource(body.dataset.live);
    heardAt = Date.now();
    const on = (name, take) => mine.addEventListener(name, (event) => {
      if (mine !== source) return;
      hear();
      take(JSON.parse(event.data));
    });
    on("hello", (said) => {
      sessionStorage.removeItem(RELOADED);
      if (boot && said.boot !== boot && !isTyping()) location.reload();
      boot = said.boot;
    });
    on("parts", (parts) => { for (const name of Object.keys(parts)) show(name, parts[name]); });
    on("reload", () => location.reload());
    on("alive", () => {});
    mine.onerror = () => {
      if (mine !== source) return;
      const isRefused = mine.readyState === EventSource.CLOSED;
      lose();
      if (isRefused) ask();
    };
  }

  /* A stream does not tell why it was refused. */
  async function ask() {
    const ending = new AbortController();
    try {
      const answer = await fetch(body.dataset.live, { cache: "no-store", redirect: "manual", signal: ending.signal });
      if (GONE.includes(answer.status) && !sessionStorage.getItem(RELOADED)) {
        sessionStorage.setItem(RELOADED, "1");
        location.reload();
      }
      trouble = answer.ok ? "" : "The bot refuses to show this live (" + answer.status + ")";
    } catch {
      trouble = "";
    } finally {
      ending.abort();
    }
  }

  function isTyping() {
    return Array.from(document.querySelectorAll("input:not([type=hidden])")).some((each) => each.value !== each.defaultValue);
  }

  /* Every second */

  function tick() {
    const now = Date.now();
    if (source && now - heardAt > SILENT_MS) lose();
    if (lostAt && now - lostAt > LOST_MS) {
      const since = new Intl.DateTimeFormat(undefined, { timeStyle: "short" }).format(new Date(lostAt));
      say((trouble || "The bot does not answer since " + since) + "; trying again …", false);
      body.classList.add("is-lost");
    }
    const day = new Date().toDateString();
    if (today && day !== today) for (const time of document.querySelectorAll("time[datetime]")) localise(time);
    today = day;
    for (const [name, html] of waiting) show(name, html);
    countDown();
  }

  banner.className = "banner";
  banner.setAttribute("role", "status");
  banner.setAttribute("aria-live", "polite");
  const main = document.getElementById("main");
  main.parentElement.insertBefore(banner, main);
  for (const each of document.querySelectorAll(".scripted")) each.hidden = false;
  const here = new URL(location.href);
  if (here.searchParams.has("done")) {
    here.searchParams.delete("done"); // so that a reload does not say it again
    history.replaceState(null, "", here);
  }
  begin(document);
  // A page that comes back from the browser's memory shows codes of long ago.
  window.addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
  document.addEventListener("visibilitychange", tick);
  setInterval(tick, 1000);
  if (body.dataset.live) connect();
})();
