// The list of runs: what it is looked at again with. Rows never move under the pointer: only where nobody points at, has chosen or is in the
// list, and its top is in view, new rows come in by themselves; else cells change in place, and a bar says how many are new.
const body = document.body
const isCalm = () => {
  const list = document.querySelector("#runs")
  return list && scrollY < 80 && !list.matches(":hover") && !list.contains(document.activeElement) && !list.querySelector("[data-select]:checked")
}
body.addEventListener("ms:tick", () => body.dispatchEvent(new CustomEvent(isCalm() ? "ms:tick-fresh" : "ms:tick-still")))
// An idle list costs nothing: the server is told what is here, and answers 304 where that is still so.
body.addEventListener("htmx:config:request", event => {
  const {ctx} = event.detail, list = document.querySelector("#runs")
  if (list && ctx.sourceElement === list) ctx.request.headers["If-None-Match"] = list.dataset.etag
})
