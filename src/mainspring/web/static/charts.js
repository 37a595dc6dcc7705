// Charts: uPlot over the figures that the page carries. Colours are the page's own, lines differ in their dashes as well; under each chart is a table.
const drawn = new Map()
let text = ""

function make(place, all) {
  const lines = all.charts[place.dataset.chart]
  if (!lines) return
  // A token is text until an element wears it: only then is it one of its two colours.
  const worn = getComputedStyle(place), colour = name => { place.style.color = `var(--${name})`; const it = worn.color; place.style.color = ""; return it }
  const font = `12px ${worn.getPropertyValue("--sans")}`, day = all.width >= 3600
  const clock = new Intl.DateTimeFormat(all.lang, {timeZone: all.zone, hourCycle: all.clock === "12" ? "h12" : "h23", hour: "2-digit", minute: "2-digit"})
  const date = new Intl.DateTimeFormat(all.lang, {timeZone: all.zone, month: "short", day: "numeric"})
  const tell = at => (day ? `${date.format(at * 1000)} ` : "") + clock.format(at * 1000)
  const number = new Intl.NumberFormat(all.lang, {maximumFractionDigits: 2})
  const axis = {stroke: colour("muted"), font, grid: {stroke: colour("line"), width: 1}, ticks: {show: false}}
  const marks = plot => {
    const {ctx, bbox} = plot
    ctx.save()
    ctx.strokeStyle = colour("control")
    ctx.setLineDash([3, 3])
    for (const {at} of all.marks) {
      const x = Math.round(plot.valToPos(at, "x", true))
      if (x < bbox.left || x > bbox.left + bbox.width) continue
      ctx.beginPath()
      ctx.moveTo(x, bbox.top)
      ctx.lineTo(x, bbox.top + bbox.height)
      ctx.stroke()
    }
    ctx.restore()
  }
  const plot = new uPlot({
    width: place.clientWidth, height: 190, padding: [8, 8, 0, 0], tzDate: at => uPlot.tzDate(new Date(at * 1000), all.zone),
    scales: {y: {range: (u, low, high) => [0, Math.max(high || 0, 1) * 1.08]}},
    series: [{label: place.dataset.time || "", value: (u, at) => at == null ? "" : tell(at)}, ...lines.map(each => ({
      label: each.label, stroke: colour(`${each.family}-solid`), width: 1.5, dash: each.dash, points: {size: 4},
      fill: each.fill && colour(`${each.family}-tint`), value: (u, value) => value == null ? "–" : number.format(value),
    }))],
    axes: [{...axis, size: 30, space: 70, values: (u, list) => list.map(at => (day && all.width > 5000 ? date : clock).format(at * 1000))},
           {...axis, size: 44, values: (u, list) => list.map(value => number.format(value))}],
    hooks: {draw: [marks]}, cursor: {drag: {x: false, y: false}},
  }, [all.at, ...lines.map(each => each.values)], place)
  plot.over.addEventListener("click", () => {
    const at = all.at[plot.cursor.idx]
    if (at === undefined) return
    const iso = moment => new Date(moment * 1000).toISOString()
    location.href = all.to + encodeURIComponent(`${all.filter} after:${iso(at)} before:${iso(at + all.width)}`.trim())
  })
  drawn.set(place, plot)
}

function draw(isForced) {
  const now = document.getElementById("chart-data")?.textContent
  if (!now || (now === text && !isForced && [...drawn.keys()].every(each => each.isConnected))) return
  text = now
  for (const [place, plot] of drawn) { plot.destroy(); drawn.delete(place) }
  const all = JSON.parse(now)
  for (const place of document.querySelectorAll("[data-chart]")) make(place, all)
}

{
  draw()
  document.body.addEventListener("htmx:after:swap", () => draw())
  new MutationObserver(() => draw(true)).observe(document.documentElement, {attributeFilter: ["data-theme"]})
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draw(true))
  let waits = 0
  addEventListener("resize", () => {
    clearTimeout(waits)
    waits = setTimeout(() => { for (const [place, plot] of drawn) plot.setSize({width: place.clientWidth, height: 190}) }, 100)
  })
}
