// What happens is told here: by one socket a tab, else by event streams, else by polling; the messages are the same (docs/guides/live.md).
const body = document.body, {dataset} = body, status = document.querySelector("#live")
const api = `${dataset.root}/api/v1/`, topics = new Map(), pending = new Map()
const SOCKET = 0, STREAM = 1, POLL = 2
const first = Math.max(0, ["ws", "sse", "poll"].indexOf(dataset.live))
let way = first, socket = null, failures = 0, isUp = false, triedAt = 0

export function follow(name, after, hear) {
  const topic = {name, last: after, hear, isOver: false, fails: 0, turn: 0, source: null, isAsked: false}
  topics.set(name, topic)
  start(topic)
  topic.stop = () => {
    over(topic)
    if (topics.get(name) !== topic) return
    topics.delete(name)
    if (socket?.readyState === 1) socket.send(JSON.stringify({unsub: name}))
  }
  return topic
}
export async function read(path, query) {
  const answer = await fetch(`${api}${path}?${new URLSearchParams(query)}`)
  if (!answer.ok) throw answer
  return answer.json()
}

function start(topic) {
  topic.source?.close()
  if (topic.isOver) return
  if (way === STREAM && topic.name !== "list") stream(topic)
  else if (way !== SOCKET) poll(topic)
  else if (socket?.readyState === 1) socket.send(JSON.stringify({sub: topic.name, after: topic.last}))
  else connect()
}
const over = topic => { topic.isOver = true; topic.source?.close() }

// -- waits grow, and differ, so that not all come back at once; a network or a tab that comes back ends them
const pause = n => Math.min(300 * 2 ** n, 15000) * (.7 + .6 * Math.random())
function later(what, ms) {
  const id = setTimeout(() => { pending.delete(id); what() }, ms)
  pending.set(id, what)
}
function hurry() {
  for (const [id, what] of [...pending]) { clearTimeout(id); pending.delete(id); what() }
}
addEventListener("online", hurry)
addEventListener("offline", () => socket?.close())

function failed(again) {
  show(false)
  failures++
  if (failures < 2 || way === POLL) return later(again, pause(failures - 1))
  failures = 0
  way++
  triedAt = Date.now()
  for (const topic of topics.values()) start(topic)
}
function well() {
  failures = 0
  show(true)
}

function connect() {
  if (socket) return
  const mine = socket = new WebSocket(new URL(`${dataset.root}/ws`, location).href.replace(/^http/, "ws"))
  mine.onopen = () => { for (const topic of topics.values()) start(topic); show(true) }
  mine.onmessage = event => { well(); take(JSON.parse(event.data)) }
  mine.onclose = () => {
    if (mine !== socket) return
    socket = null
    if (way === SOCKET) failed(connect)
  }
}

function stream(topic) {
  const source = topic.source = new EventSource(`${api}runs/${topic.name.slice(4)}/stream?after=${topic.last}`)
  const again = () => {
    source.close()
    if (topic.source === source && !topic.isOver) failed(() => way === STREAM && start(topic))
  }
  source.onopen = () => show(true)
  source.onmessage = event => { well(); take(JSON.parse(event.data)) }
  source.onerror = again
  source.addEventListener("bye", again)
}

async function poll(topic) {
  const turn = ++topic.turn
  while (!topic.isOver && topic.turn === turn && way !== SOCKET) {
    const began = Date.now(), wait = first === POLL ? 0 : 20
    try {
      const path = topic.name === "list" ? "changes" : `runs/${topic.name.slice(4)}/events`
      const frame = await read(path, {after: topic.last, wait})
      if (topic.turn !== turn || way === SOCKET) return
      topic.fails = 0
      well()
      const had = topic.last
      take(frame)
      if (first !== POLL && Date.now() - triedAt > 60000) {  // the house was away, and not the way; or is it open by now?
        way = first
        for (const each of topics.values()) start(each)
        return
      }
      if (topic.last === had && Date.now() - began < 1000) await new Promise(done => later(done, 2000))
    } catch (error) {
      if (error.status === 404 || error.status === 403) return over(topic)
      triedAt = 0
      show(false)
      await new Promise(done => later(done, pause(topic.fails++)))
    }
  }
}

// -- every number once and in order: what is known is dropped, what is missing is asked for again
function take({t, m}) {
  const topic = topics.get(t), told = []
  if (!topic || topic.isOver) return
  for (const each of m) {
    if (each.token) topic.last = each.token
    else if (each.k === "end" || each.k === "no") over(topic)
    else {
      const from = each.from ?? each.s, to = each.to ?? from + (each.l?.length ?? 1) - 1
      if (to <= topic.last) continue
      if (from > topic.last + 1) {
        if (!topic.isAsked) { topic.isAsked = true; start(topic) }
        break
      }
      if (each.l) { each.l.splice(0, topic.last + 1 - from); each.s = topic.last + 1 }
      topic.last = to
    }
    topic.isAsked = false
    told.push(each)
  }
  if (told.length) topic.hear(told)
}

// -- ticks wait while nobody looks, rows are chosen, a dialog is open, or the reader says so
const every = Number(dataset.refresh) * 1000 || 0, button = document.querySelector("#pause")
let isPaused = dataset.refresh === "paused", chosen = 0, isDirty = false, tickedAt = 0
export function tick() {
  isDirty = true
  flush()
}
function flush() {
  show(isUp)
  if (!isDirty || isPaused || chosen || document.hidden || document.querySelector("dialog[open]")) return
  const left = tickedAt + every - Date.now()
  if (left > 0) return void setTimeout(flush, left)
  isDirty = false
  tickedAt = Date.now()
  body.dispatchEvent(new CustomEvent("ms:tick"))
}
body.addEventListener("ms:selection", event => { chosen = event.detail; flush() })
document.addEventListener("close", flush, true)
document.addEventListener("visibilitychange", () => { if (!document.hidden) { hurry(); flush() } })
button?.addEventListener("click", () => {
  isPaused = !isPaused
  button.setAttribute("aria-pressed", isPaused)
  flush()
})

function show(up) {
  isUp = up
  const state = isPaused || chosen ? "paused" : !up ? "waiting" : way === POLL ? "polling" : "live"
  if (!status || status.dataset.state === state) return
  status.dataset.state = state
  status.lastElementChild.textContent = status.dataset[state]
}

if (document.querySelector('[hx-trigger*="ms:tick"]')) {
  follow("list", document.querySelector("[data-token]")?.dataset.token ?? "", m => { if (m.some(each => each.k === "tick")) tick() })
}
