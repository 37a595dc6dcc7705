// What every page has: dialogs, palette, shortcuts, toasts, copying, selection, busy buttons. Everything here shortens what forms and links do without it.
import "./time.js"

const $ = (what, from = document) => from.querySelector(what)
const $$ = (what, from = document) => [...from.querySelectorAll(what)]
const root = document.body.dataset.root

// -- confirmation: <form data-confirm="…">, with a word to type or a reason to give where the form asks for them
const ask = $("#confirm")
let asked = null
document.addEventListener("submit", event => {
  const form = event.target
  if (!form.dataset.confirm || form.dataset.sure) return mark(event)
  event.preventDefault()
  event.stopImmediatePropagation()
  asked = {form, by: event.submitter}
  const {confirm, confirmTitle, confirmVerb, confirmWord, confirmReason} = form.dataset
  $("#confirm-title").textContent = confirmTitle
  $("#confirm-text").textContent = confirm
  const yes = $("button[value=yes]", ask), word = $("[data-word]", ask), reason = $("[data-reason]", ask)
  yes.textContent = confirmVerb
  word.hidden = !confirmWord
  reason.hidden = confirmReason === undefined
  $("#confirm-word").value = $("#confirm-reason").value = ""
  $("code", word).textContent = confirmWord ?? ""
  yes.disabled = Boolean(confirmWord)
  ask.showModal()
  ;(confirmWord ? $("#confirm-word") : $("button[value=no]", ask)).focus()
}, true)
$("#confirm-word")?.addEventListener("input", event => { $("button[value=yes]", ask).disabled = event.target.value !== asked.form.dataset.confirmWord })
ask?.addEventListener("close", () => {
  if (ask.returnValue === "yes") {
    const {form, by} = asked
    for (const [name, value] of [["reason", $("#confirm-reason").value], ["confirmed", $("#confirm-word").value]])
      if (value) (form.elements[name] ?? form.appendChild(Object.assign(document.createElement("input"), {type: "hidden", name}))).value = value
    form.dataset.sure = "yes"
    form.requestSubmit(by)
    delete form.dataset.sure
  } else asked?.by?.focus()
  ask.returnValue = ""
})

// -- a button that was pressed is busy until the answer comes; Back makes it usable again
function mark(event) {
  const button = event.submitter
  if (event.target.method === "dialog" || !button) return
  setTimeout(() => { if (!event.defaultPrevented) { button.setAttribute("aria-busy", "true"); button.disabled = true } })
}
addEventListener("pageshow", event => {
  if (event.persisted) for (const each of $$("[aria-busy=true]")) { each.removeAttribute("aria-busy"); each.disabled = false }
})

// -- toasts
export function toast(text, kind = "ok") {
  const made = Object.assign(document.createElement("div"), {className: `toast ${kind}`, textContent: text})
  $("#toasts").append(made)
  setTimeout(() => made.remove(), 6000)
}
for (const each of $$("#toasts .toast")) setTimeout(() => each.remove(), 6000)
if (new URLSearchParams(location.search).has("done")) {
  const url = new URL(location)
  url.searchParams.delete("done")
  history.replaceState(null, "", url)
}

// -- copying
const showCopies = () => { for (const each of $$("[data-copy][hidden]")) each.hidden = false }
showCopies()
document.body.addEventListener("htmx:after:swap", showCopies)
document.addEventListener("click", async event => {
  const button = event.target.closest("[data-copy]")
  if (!button) return
  const text = button.dataset.copy || $(button.dataset.copyFrom)?.textContent || ""
  try { await navigator.clipboard.writeText(text) } catch {
    const box = Object.assign(document.createElement("textarea"), {value: text})
    document.body.append(box)
    box.select()
    document.execCommand("copy")
    box.remove()
  }
  button.classList.add("ok")
  setTimeout(() => button.classList.remove("ok"), 1500)
})

// -- the palette: the same addresses as the search page
const palette = $("#palette"), input = $("input", palette), list = $("ul", palette)
let typed = 0
async function look() {
  const mine = ++typed
  const answer = await fetch(`${palette.dataset.from}?part=1&from=${encodeURIComponent(location.pathname)}&q=${encodeURIComponent(input.value)}`)
  const text = answer.ok ? await answer.text() : ""
  if (mine !== typed) return
  list.replaceChildren(...new DOMParser().parseFromString(text, "text/html").body.children)
  choose(0)
}
function choose(n) {
  const all = $$("[role=option]", list)
  all.forEach((each, i) => each.setAttribute("aria-selected", i === n))
  if (all[n]) { input.setAttribute("aria-activedescendant", all[n].id); all[n].scrollIntoView({block: "nearest"}) } else input.removeAttribute("aria-activedescendant")
}
function openPalette() { input.value = ""; palette.showModal(); look() }
$("#open-palette").addEventListener("click", event => { event.preventDefault(); openPalette() })
const go = hit => { if (hit?.dataset.href) location.assign(hit.dataset.href) }
list.addEventListener("click", event => go(event.target.closest("[role=option]")))
input.addEventListener("input", look)
input.addEventListener("keydown", event => {
  const all = $$("[role=option]", list), at = all.findIndex(each => each.getAttribute("aria-selected") === "true")
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault()
    if (all.length) choose((at + (event.key === "ArrowDown" ? 1 : all.length - 1)) % all.length)
  } else if (event.key === "Enter") { event.preventDefault(); go(all[at]) }
})
for (const each of $$("dialog")) each.addEventListener("click", event => { if (event.target === each) each.close() })

// -- shortcuts: single keys only outside of inputs, and only where they are not switched off
let pending = 0
const step = by => {
  const rows = $$("tr[data-row]"), at = rows.findIndex(each => each.classList.contains("current"))
  const next = rows[Math.min(Math.max(at + by, 0), rows.length - 1)]
  rows[at]?.classList.remove("current")
  next?.classList.add("current")
  next?.scrollIntoView({block: "nearest"})
}
const press = key => $(`[data-key="${key}"]:not(:disabled)`)?.click()
const keys = {
  "/": () => ($("main input[type=search]") ?? $("#open-palette")).focus(), "?": () => $("#keys").showModal(), t: () => $("#theme").click(),
  j: () => step(1), k: () => step(-1), x: () => $("tr.current input[type=checkbox]")?.click(), Enter: () => $("tr.current a")?.click(),
  e: () => press("e"), c: () => press("c"), ".": () => press("."), n: () => press("n"), p: () => press("p"),
}
document.addEventListener("keydown", event => {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") { event.preventDefault(); palette.open ? palette.close() : openPalette(); return }
  if (event.ctrlKey || event.metaKey || event.altKey || document.body.dataset.keys === "off" || $("dialog[open]")) return
  if (event.target.closest("input, select, textarea, [contenteditable], [data-own-keys]")) return
  if (pending) {
    clearTimeout(pending)
    pending = 0
    const place = $$("[data-go]").find(each => each.dataset.go === event.key)
    if (place) { event.preventDefault(); place.click() }
  } else if (event.key === "g") pending = setTimeout(() => { pending = 0 }, 1500)
  else if (keys[event.key] && !(event.key === "Enter" && event.target.closest("a, button, summary"))) { event.preventDefault(); keys[event.key]() }
})

// -- the theme, without a page in between
$("#theme-form").addEventListener("submit", async event => {
  event.preventDefault()
  const page = document.documentElement, isDark = page.dataset.theme === "auto" ? matchMedia("(prefers-color-scheme: dark)").matches : page.dataset.theme === "dark", theme = isDark ? "light" : "dark"
  page.dataset.theme = theme
  $("#theme use").setAttribute("href", $("#theme use").getAttribute("href").replace(/#.*/, isDark ? "#moon" : "#sun"))
  await fetch(event.target.action, {method: "POST", body: new URLSearchParams({theme}), redirect: "manual"})
})

// -- rows that can be chosen: shift-click takes a range; while any is chosen, live changes wait
let last = null
document.addEventListener("click", event => {
  const box = event.target.closest("input[data-select]")
  if (!box) return
  const all = $$("input[data-select]")
  if (event.shiftKey && last) {
    const [from, to] = [all.indexOf(last), all.indexOf(box)].sort((a, b) => a - b)
    all.slice(from, to + 1).forEach(each => { each.checked = box.checked })
  }
  last = box
  chosen()
})
document.addEventListener("change", event => {
  if (event.target.matches("input[data-select-all]")) { for (const each of $$("input[data-select]")) each.checked = event.target.checked; chosen() }
})
document.addEventListener("keydown", event => {
  if (event.key === "Escape" && !$("dialog[open]") && $("input[data-select]:checked")) { for (const each of $$("input[data-select], input[data-select-all]")) each.checked = false; chosen() }
})
function chosen() {
  const n = $$("input[data-select]:checked").length
  for (const each of $$("input[data-select]")) each.closest("tr")?.setAttribute("aria-selected", each.checked)
  for (const bar of $$("[data-bulk]")) { bar.hidden = n === 0; for (const each of $$("[data-n]", bar)) each.textContent = n }
  document.body.dispatchEvent(new CustomEvent("ms:selection", {detail: n}))
}
