// What a form can do without a page in between; all of it is optional.
const form = document.querySelector("#form"), $ = (what, from = form) => from.querySelector(what), $$ = (what, from = form) => [...from.querySelectorAll(what)]

let fresh = 1000
form.addEventListener("click", event => {
  const button = event.target.closest("button[name]")
  if (!button) return
  const line = button.closest(".one"), set = button.closest("fieldset")
  if (button.name === "_add") {
    const template = $(":scope > template", set), rows = $(":scope > .set", set), max = Number(button.dataset.max) || Infinity
    if (!template || rows.children.length >= max) return
    const depth = template.innerHTML.match(/~(\d)~/)[1]
    rows.insertAdjacentHTML("beforeend", template.innerHTML.replaceAll(`~${depth}~`, fresh++))
    $("input:not([type=hidden]), select, textarea", rows.lastElementChild)?.focus()
    button.disabled = rows.children.length >= max
  } else if (button.name === "_remove") {
    const add = $(":scope > .row > [name=_add]", set), next = line.nextElementSibling ?? line.previousElementSibling
    line.remove()
    add.disabled = false
    ;(next ? $("[name=_remove]", next) : add).focus()
  } else if (/^_(up|down)$/.test(button.name)) {
    const up = button.name === "_up"
    ;(up ? line.previousElementSibling : line.nextElementSibling)?.[up ? "before" : "after"](line)
    button.focus()
  } else return
  event.preventDefault()
})

// -- the same call elsewhere; files stay here
form.addEventListener("submit", async event => {
  if (event.submitter?.name !== "_show") return
  event.preventDefault()
  event.stopImmediatePropagation()
  const data = new URLSearchParams([...new FormData(form), ["_show", "1"]].filter(([, value]) => typeof value === "string"))
  const page = new DOMParser().parseFromString(await (await fetch(form.action, {method: "POST", body: data})).text(), "text/html")
  $("#shown").replaceWith(page.querySelector("#shown"))
  document.body.dispatchEvent(new Event("htmx:after:swap"))
  $("[name=_show]").focus()
}, true)

for (const kind of ["dragover", "drop"]) form.addEventListener(kind, event => {
  const input = event.target.closest(".w-file")?.querySelector("input[type=file]")
  if (!input || !event.dataTransfer.types.includes("Files")) return
  event.preventDefault()
  if (kind === "drop") { input.files = event.dataTransfer.files; input.focus() }
})

// -- sliders say their number, times their UTC
form.addEventListener("input", event => {
  const field = event.target.closest(".field"), output = field && $("output", field)
  if (output) output.value = event.target.value
  const note = field && $("[data-utc]", field)
  if (!note) return
  const text = $("input", field).value, zone = $("select", field).value, own = Intl.DateTimeFormat().resolvedOptions().timeZone
  const at = text && (zone === "UTC" || zone === own) ? new Date(zone === "UTC" ? `${text}Z` : text) : null
  note.textContent = at && !isNaN(at) ? `${at.toISOString().slice(0, 19).replace("T", " ")} UTC` : ""
})

let timer
form.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(suggest, 300) })
async function suggest() {
  for (const input of $$("[data-options]")) {
    const given = [...new FormData(form)].filter(([name, value]) => typeof value === "string" && name[0] !== "_" && !$(`[name="${CSS.escape(name)}"]:is([type=password], .mono)`))
    const answer = await fetch(`${form.dataset.options}?${new URLSearchParams([...given, ["_field", input.name]])}`)
    if (answer.ok) input.list.innerHTML = await answer.text()
  }
}

;(document.querySelector("#summary") ?? document.getElementById(form.dataset.focus))?.focus()
document.addEventListener("click", event => {
  const link = event.target.closest("#summary a")
  const target = link && document.getElementById(decodeURIComponent(link.hash.slice(1)))
  if (!target) return
  event.preventDefault()
  for (let each = target.closest("details"); each; each = each.parentElement.closest("details")) each.open = true
  target.focus()
  target.scrollIntoView({block: "center"})
})
