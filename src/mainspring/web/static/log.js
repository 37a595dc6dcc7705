// The log of a run: lines as they come, in colours, as text nodes only. At most CAP of them are in the page; the rest is a fetch away.
import {follow, read, tick} from "./live.js"
import {lasted} from "./time.js"

const CAP = 5000, CHUNK = 250, MORE = 2000, RANKS = ["debug", "info", "warning", "error", "critical"]
const view = document.querySelector("#log"), box = view.querySelector(".lines"), $ = what => view.querySelector(what)
const {run} = view.dataset, words = JSON.parse(view.dataset.words), say = (key, values) => words[key].replace(/{(\w+)}/g, (_, name) => values[name])
const make = (tag, className, textContent = "", more) => Object.assign(document.createElement(tag), {className, textContent}, more)

// -- colours: sixteen by class, others clamped until both themes can show them
const ESCAPES = /\x1b\[([\d;:]*)m|\x1b\]8;[^;]*;([^\x07\x1b]*)(?:\x07|\x1b\\)|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b\[[0-?]*[ -/]*[@-~]|\x1b.|[\0-\x08\x0b-\x1f\x7f]/g
let styles = {}
const clamped = new Map()
const light = rgb => rgb.reduce((sum, v, i) => sum + [.2126, .7152, .0722][i] * ((v /= 255) <= .04 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4), .05)
function readable(rgb) {
  if (!clamped.has(String(rgb))) {
    const clamp = (to, isFar) => { let c = rgb; while (!isFar(light(c))) c = c.map(v => v + (to - v) * .12); return `rgb(${c.map(Math.round)})` }
    clamped.set(String(rgb), `light-dark(${clamp(0, l => 1.02 / l >= 4.5)}, ${clamp(255, l => l / .055 >= 4.5)})`)
  }
  return clamped.get(String(rgb))
}
function wide(codes, i) {
  if (codes[i + 1] === 2) return [codes.slice(i + 2, i + 5).map(v => Math.min(v || 0, 255)), i + 4]
  const n = Math.min(codes[i + 2] || 0, 255), part = v => v && 55 + v * 40
  if (n < 16) return [n, i + 2]
  return [n > 231 ? Array(3).fill(8 + (n - 232) * 10) : [n - 16].flatMap(v => [part(Math.floor(v / 36)), part(Math.floor(v / 6) % 6), part(v % 6)]), i + 2]
}
function sgr(style, text) {
  const codes = text.split(/[;:]/).map(Number)
  for (let i = 0; i < codes.length; i++) {
    const c = codes[i], n = c % 10, name = c % 60 < 40 ? "fg" : "bg"
    if (!c) for (const key in style) key === "link" || delete style[key]
    else if (c < 10) style[c] = true
    else if (c === 22) style[1] = style[2] = false
    else if (c < 30) style[n] = false
    else if (c > 107 || c > 49 && c < 90) continue
    else if (n === 8) [style[name], i] = wide(codes, i)
    else style[name] = n === 9 ? undefined : n + (c > 89 ? 8 : 0)
  }
}
function span(into, text, style) {
  let {fg, bg, link} = style, names = []
  if (style[7]) [fg, bg] = [bg ?? "bg", fg ?? "fg"]
  for (const n of [1, 2, 3, 4, 9]) if (style[n]) names.push(`a${n}`)
  for (const [to, colour] of [["f", fg], ["g", bg]]) if (colour !== undefined && !colour.map) names.push(to + colour)
  if (!text || !names.length && !link && !fg && !bg) return into.append(text)
  const made = make(link ? "a" : "span", names.join(" "), text, link && {href: link, rel: "noopener noreferrer", target: "_blank"})
  if (fg?.map) made.style.color = readable(fg)
  if (bg?.map) { made.style.background = `rgb(${bg})`; made.style.color = light(bg) > .23 ? "#000" : "#fff" }
  into.append(made)
}
function paint(into, text, style) {
  text = text.replace(/\r+$/, "").replace(/^.*\r/s, "")  // a carriage return begins the line anew
  let at = 0
  for (const found of text.matchAll(ESCAPES)) {
    span(into, text.slice(at, found.index), style)
    at = found.index + found[0].length
    if (found[1] !== undefined) sgr(style, found[1])
    else if (found[2] !== undefined) style.link = /^https?:/i.test(found[2]) ? found[2] : undefined
  }
  span(into, text.slice(at), style)
}

// -- rows
const saved = JSON.parse(localStorage.getItem("ms:log") ?? "{}"), {lang, zoneName, clock: hours} = document.body.dataset
const clock = new Intl.DateTimeFormat(lang, {timeZone: zoneName, timeStyle: "medium", hour12: hours === "12"})
const time = at => saved.time === "absolute" ? clock.format(at) : saved.time === "relative" ? `+${((at - startedAt) / 1000).toFixed(1)} s` : ""
let group = null, startedAt = 0
function line(seq, [at, level, stream, text, data]) {
  const id = `L${seq}`, row = make("div", "l", "", {id, at}), mark = text.match(/^::(group|endgroup)::(.*)/)
  startedAt ||= at
  Object.assign(row.dataset, {v: level, s: stream})
  row.append(make("a", "n", "", {href: `#${id}`, tabIndex: -1, ariaLabel: seq}), make("time", "", time(at)))
  if (mark) {
    group = mark[1] === "group" ? row : null
    row.append(make("button", "t", mark[2], {ariaExpanded: true}))
    row.hidden = !group
  } else {
    paint(row.appendChild(make("span", "t")), text, styles[stream] ??= {})
    if (group) { row.dataset.g = group.id; row.hidden = group.isShut }
  }
  if (data) row.title = JSON.stringify(data)
  return row
}
function note(className, text) {
  const made = make("div", `l ${className}`)
  made.append(make("span", "t", text))
  return made
}
const element = each => Array.isArray(each) ? line(...each) : each
function rowsOf(messages, isPast) {
  const rows = []
  for (const each of messages) {
    if (each.k === "log") each.l.forEach((row, i) => rows.push([each.s + i, row]))
    else if (each.k === "p") isPast || progress(each)
    else if (each.k === "gap") rows.push(note("gap", say(each.n ? "dropped" : "gap", each)))
    else if (each.k === "skip") rows.push(hole(each))
    else if (each.k === "state") {
      isPast || tick()
      const {e, error} = each
      if (words[e] && (e !== "started" || each.attempt > 1)) rows.push(note("state", say(e, each) + (error ? ` ${error.type}: ${error.message}` : "")))
    }
  }
  return rows
}
function hole({from, to}) {
  const row = note("gap left", say("skip", {from, to, n: to - from + 1})), button = row.appendChild(make("button", "small", words.fetch))
  button.onclick = async () => {
    button.disabled = true
    row.replaceWith(...await range(from - 1, to))
    settle()
  }
  return row
}
async function range(after, until) {
  const rows = []
  while (after < until) {
    const {m, last} = await read(`runs/${run}/events`, {after, until})
    if (last <= after) break
    rows.push(...rowsOf(m, true))
    after = last
  }
  const kept = styles
  styles = {}
  const made = rows.map(element)
  styles = kept
  return made
}

// -- painting: in chunks that the browser may leave out of its work while they are not in view
let queue = [], isDue = false, isPinned = true, isBehind = false, unseen = 0, base = 0, topic
const count = () => Math.max(0, box.childElementCount - 1) * CHUNK
function hear(messages) {
  queue.push(...rowsOf(messages))
  if (queue.length > 2 * CAP && isPinned) {
    base = queue.splice(0, queue.length - CAP).findLast(Array.isArray)?.[0] ?? base
    box.replaceChildren()
  }
  if (!isDue && queue.length) { isDue = true; requestAnimationFrame(draw) }
}
function shorten() {  // from the top; what is gone can be loaded again
  box.firstElementChild.remove()
  base = box.querySelector(".l[id]")?.id.slice(1) - 1 || base
}
function draw() {
  const until = performance.now() + 30
  let chunk = box.lastElementChild, n = 0, rows = []
  if (!isPinned && count() >= CAP) { isBehind = true; topic.stop(); queue = [] }
  while (n < queue.length && (n % 50 || performance.now() < until)) {
    if (!chunk || chunk.childElementCount + rows.length >= CHUNK) {
      chunk?.append(...rows.splice(0))
      chunk = box.appendChild(make("div", "c"))
    }
    rows.push(element(queue[n++]))
  }
  chunk?.append(...rows)
  if (!isPinned) unseen += n
  queue.splice(0, n)
  while (isPinned && count() >= CAP) shorten()
  settle()
  isDue = queue.length > 0
  if (isDue) requestAnimationFrame(draw)
}

// -- following, until the reader scrolls up
const newer = $(".newer"), earlier = $(".earlier"), all = what => [...box.querySelectorAll(what)]
const wanted = location.hash.match(/^#L(\d+)/)
let isSought = Boolean(wanted)
function settle() {
  filter()
  const target = isSought && document.getElementById(`L${wanted[1]}`)
  if (target) { isSought = isPinned = false; mark(); target.scrollIntoView({block: "center"}) }
  if (isPinned) { box.scrollTop = box.scrollHeight; unseen = 0 }
  newer.hidden = isPinned || !(unseen || isBehind)
  newer.textContent = isBehind ? words.latest : say("newer", {n: unseen})
  earlier.hidden = !base
  earlier.textContent = say("earlier", {n: base})
}
box.addEventListener("scroll", () => {
  const isEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 24
  if (isEnd !== isPinned && !(isEnd && isBehind)) { isPinned = isEnd; settle() }
})
newer.onclick = () => {
  isPinned = true
  if (isBehind) begin(Math.max(0, topic.last - MORE)); else settle()
}
earlier.onclick = async () => {
  const until = base, rows = await range(Math.max(0, base - MORE), until), height = box.scrollHeight
  if (base !== until) return
  base = Math.max(0, base - MORE)
  isPinned = false
  while (rows.length) {
    const chunk = make("div", "c")
    chunk.append(...rows.splice(-CHUNK))
    box.prepend(chunk)
  }
  box.scrollTop += box.scrollHeight - height
  while (count() > CAP) { box.lastElementChild.remove(); isBehind = true; topic.stop() }
  settle()
}
function begin(after) {
  topic?.stop()
  isBehind = false
  styles = {}
  queue = []
  base = after
  box.replaceChildren()
  topic = follow(`run:${run}`, after, hear)
}

// -- looking for something
let isSifted
function filter() {
  const text = $("[name=find]").value.toLowerCase(), least = RANKS.indexOf($("[name=level]").value), hits = new Set
  if (!text && !least && !isSifted) return
  isSifted = text || least
  const rows = all(".l"), ranges = []
  rows.forEach((row, i) => {
    if (RANKS.indexOf(row.dataset.v ?? "critical") < least || !row.textContent.toLowerCase().includes(text)) return
    for (const near of text ? [i - 1, i, i + 1] : [i]) hits.add(near)
    if (text && ranges.length < 1000) for (const walk = document.createTreeWalker(row, 4); walk.nextNode();) {
      const node = walk.currentNode, at = node.data.toLowerCase().indexOf(text), range = new Range
      if (at >= 0) { range.setStart(node, at); range.setEnd(node, at + text.length); ranges.push(range) }
    }
  })
  rows.forEach((row, i) => row.classList.toggle("out", !hits.has(i)))
  window.CSS?.highlights?.set("found", new Highlight(...ranges))
}
function mark() {
  const [, from, to = from] = location.hash.match(/^#L(\d+)(?:-L(\d+))?$/) ?? []
  for (const row of all(".l[id]")) row.classList.toggle("marked", row.id.slice(1) - from >= 0 && to - row.id.slice(1) >= 0)
}
let anchor = 0
box.addEventListener("click", event => {
  const number = event.target.closest(".n"), fold = event.target.closest("button.t")
  if (number) {
    event.preventDefault()
    const n = Number(number.ariaLabel), [from, to] = [anchor, n].sort((a, b) => a - b), isRange = event.shiftKey && anchor
    history.replaceState(null, "", isRange ? `#L${from}-L${to}` : number.hash)
    if (!isRange) anchor = n
    mark()
  } else if (fold) {
    const row = fold.parentElement
    row.isShut = !row.isShut
    fold.ariaExpanded = !row.isShut
    for (const each of all(`[data-g=${row.id}]`)) each.hidden = row.isShut
  }
})
function jump(by) {
  const rows = all(".l:not(.out):is([data-v=error], [data-v=critical])"), at = rows.findIndex(row => row.classList.contains("current"))
  const next = rows[at < 0 ? (by > 0 ? 0 : rows.length - 1) : at + by]
  if (!next) return
  rows[at]?.classList.remove("current")
  next.classList.add("current")
  isPinned = false
  next.scrollIntoView({block: "center"})
}
view.addEventListener("click", event => {
  const {key, act} = event.target.closest("button")?.dataset ?? {}
  if (key === "n") jump(1)
  else if (key === "p") jump(-1)
  else if (act === "copy") navigator.clipboard?.writeText(all(".l:not(.out, [hidden]) .t").map(each => each.textContent).join("\n"))
})

// -- how it looks is the reader's, and kept
function dress() {
  view.classList.toggle("wrap", $("[name=wrap]").checked)
  box.style.setProperty("--size", `${$("[name=size]").value}px`)
}
for (const name of ["wrap", "time", "size"]) {
  const field = $(`[name=${name}]`), key = field.type === "checkbox" ? "checked" : "value"
  field[key] = saved[name] ?? field[key]
  field.onchange = () => {
    saved[name] = field[key]
    localStorage.setItem("ms:log", JSON.stringify(saved))
    dress()
    if (name === "time") for (const row of all(".l[id]")) row.children[1].textContent = time(row.at)
    settle()
  }
}
$("[name=find]").oninput = $("[name=level]").onchange = settle
function progress({c, n, label = "", stage = "", eta}) {
  const bar = document.querySelector("#progress progress"), [name, note] = document.querySelectorAll("#progress .row > *")
  if (!bar) return tick()
  if (n) { bar.max = n; bar.value = c } else bar.removeAttribute("value")
  name.textContent = `${stage} ${label}`
  note.textContent = n ? `${c} / ${n} · ${Math.floor(100 * c / n)} %${eta ? ` · ${say("eta", {length: lasted(eta * 1000)})}` : ""}` : c
}
$(".tools").hidden = false
dress()
begin(wanted ? Math.max(0, Math.min(wanted[1] - 200, view.dataset.after)) : Number(view.dataset.after))
