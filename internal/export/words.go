package export

// wordsOf are the words of a sheet beside the report's, by language. Nobody of
// the field and no native speaker has reviewed them; each sheet says so (R25).
var wordsOf = map[string]map[string]string{
	"en": {
		"title.read_aloud": "Tip sheet to read aloud", "title.web_form": "Tip in sections, to copy into the web form",
		"made": "Made", "for_you": "For you. Do not read this part aloud.",
		"before.sent":   "Nothing was sent. You make the call, or fill in the form, yourself.",
		"before.danger": "Is somebody in danger now? Call 911 first.",
		"before.shared": "What you tell the HSI tip line or its web form may be shared inside DHS, and with other police.",
		"before.author": "Who wrote this report is not on the sheet. Do not say who it was.",
		"after.weights": "No practitioner has reviewed how the signs are weighed.",
		"after.words":   "Some words of this sheet still wait for review by practitioners, and the Spanish by native speakers.",
		"after.form":    "The order follows published copies of the form; nobody has compared it with the form of today. The form invites places of birth and numbers of papers. This program holds none. Leave them out.",
		"after.addenda": "Notes that were added to the report later and are not on this sheet: %d.",
		"earlier":       "There is a tip about this report already: %s, %s.", "earlier.twice": "The tip line asks not to get the same information twice.",
		"reference": "Our reference", "not_known": "Not known.", "lost": "Some letters cannot be printed in this format. They are in the text and in the HTML.", "page": "Page",

		"section.where": "Where", "section.when": "When", "section.what": "What", "section.who": "Who, by description",
		"section.vehicle": "Vehicle", "section.why": "Why", "section.you": "Your information", "section.violation": "Suspected violation",
		"section.narrative": "What happened",
		"hint.you":          "Leave it empty, or give a number of your organization if you want to be called back. Never give the name of who wrote the report.",
		"hint.violation":    "Choose human trafficking in the form's list.",
		"hint.narrative":    "This goes into the form's large box.",

		"place": "Place", "venue": "Kind of place", "address": "Address", "grid": "Area (coarse cell)", "point": "Exact place (latitude, longitude)",
		"manager": "Please note", "manager.text": "A manager of the place may be involved. Do not ask at the place.",
		"event": "Seen", "until": "Until", "clock": "Please note",
		"clock.minutes": "The phone's clock was off by minutes. The time is about right.",
		"clock.hours":   "The phone's clock was off by hours. The time is a guess.",
		"clock.days":    "The phone's clock was off by days. Day and time are a guess.",
		"sign":          "Sign", "basis.saw": "seen", "basis.told": "told by somebody", "note": "In the words of who saw it", "addendum": "Added later",
		"people": "How many people", "person": "Person", "minor": "Age", "minor.text": "Somebody may be under 18.",
		"vehicle": "Vehicle", "plate": "plate", "plate.end": "ending in",
		"counts": "Signs", "weight.emergency": "emergency", "weight.strong": "strong", "weight.context": "weak alone", "reason": "Why we pass it on",

		"age.child": "child", "age.teen": "teenager", "age.adult": "adult", "age.unsure": "age not sure", "age.": "",
		"kind.semi": "semi truck", "kind.suv": "SUV", "kind.pickup": "pickup truck", "kind.rv": "RV",
		"venue.truck_stop": "truck stop", "venue.hotel": "hotel",
		"channel.call": "a call", "channel.web_form": "a web form", "channel.text": "a text message", "channel.chat": "a chat", "channel.in_person": "in person",
		"day.0": "Sunday", "day.1": "Monday", "day.2": "Tuesday", "day.3": "Wednesday", "day.4": "Thursday", "day.5": "Friday", "day.6": "Saturday",
		"month.1": "January", "month.2": "February", "month.3": "March", "month.4": "April", "month.5": "May", "month.6": "June",
		"month.7": "July", "month.8": "August", "month.9": "September", "month.10": "October", "month.11": "November", "month.12": "December",

		"column.id": "Report", "column.kind": "Kind", "column.happened": "Happened", "column.until": "Until", "column.arrived": "Arrived", "column.clock": "Clock",
		"column.organization": "Organization", "column.site": "Site", "column.venue": "Kind of place", "column.cell": "Area (coarse cell)", "column.latitude": "Latitude",
		"column.longitude": "Longitude", "column.checklist": "Checklist", "column.version": "Version", "column.signs": "Signs", "column.emergency_signs": "Emergency signs",
		"column.strong_signs": "Strong signs", "column.context_signs": "Signs weak alone", "column.people": "How many people", "column.persons": "Persons",
		"column.minor_possible": "Somebody may be under 18", "column.vehicles": "Vehicles", "column.outreach": "Handed out",
		"column.manager_involved": "A manager may be involved", "column.urgency": "Urgency", "column.status": "State", "column.closed_as": "Closed as",
		"column.opened": "Opened", "column.note": "In the words of who saw it", "kind.of.observations": "observation", "kind.of.submissions": "checklist", "answer.yes": "yes",
		"answer.no": "no", "answer.unsure": "not sure", "triage.open": "open", "triage.emergency": "emergency", "triage.review": "review", "triage.context": "context",
		"triage.closed": "closed", "closed.insufficient": "not enough to go on", "closed.duplicate": "duplicate", "closed.explained": "explained",
		"closed.no_basis": "no basis", "closed.referred": "referred",
	},
	"es": {
		"title.read_aloud": "Hoja para leer en voz alta al dar un aviso", "title.web_form": "Aviso en partes, para copiar en el formulario de internet",
		"made": "Hecha", "for_you": "Para usted. No lea esta parte en voz alta.",
		"before.sent":   "No se mandó nada. Usted hace la llamada o llena el formulario.",
		"before.danger": "¿Hay alguien en peligro ahora? Llame primero al 911.",
		"before.shared": "Lo que usted diga a la línea de HSI o en su formulario se puede compartir dentro de DHS y con otra policía.",
		"before.author": "En la hoja no está quién escribió el reporte. No diga quién fue.",
		"after.weights": "Ninguna persona del campo ha revisado cómo se pesan las señales.",
		"after.words":   "Algunas palabras de esta hoja esperan revisión de personas del campo, y el español, de hablantes nativos.",
		"after.form":    "El orden sigue copias publicadas del formulario; nadie lo ha comparado con el de hoy. El formulario invita a dar lugares de nacimiento y números de papeles. Este programa no guarda ninguno. No los ponga.",
		"after.addenda": "Notas que se agregaron después al reporte y que no están en esta hoja: %d.",
		"earlier":       "Ya hay un aviso sobre este reporte: %s, %s.", "earlier.twice": "La línea pide no recibir la misma información dos veces.",
		"reference": "Nuestra referencia", "not_known": "No se sabe.", "lost": "Algunas letras no se pueden imprimir en este formato. Están en el texto y en el HTML.", "page": "Página",

		"section.where": "Dónde", "section.when": "Cuándo", "section.what": "Qué", "section.who": "Quién, por su descripción",
		"section.vehicle": "Vehículo", "section.why": "Por qué", "section.you": "Sus datos", "section.violation": "De qué se sospecha",
		"section.narrative": "Qué pasó",
		"hint.you":          "Déjelo vacío, o dé un número de su organización si quiere que le llamen. Nunca dé el nombre de quien escribió el reporte.",
		"hint.violation":    "Escoja trata de personas (human trafficking) en la lista del formulario.",
		"hint.narrative":    "Esto va en el cuadro grande del formulario.",

		"place": "Lugar", "venue": "Tipo de lugar", "address": "Dirección", "grid": "Zona (celda aproximada)", "point": "Lugar exacto (latitud, longitud)",
		"manager": "Por favor tome nota", "manager.text": "Puede que alguien a cargo del lugar esté involucrado. No pregunte en el lugar.",
		"event": "Se vio", "until": "Hasta", "clock": "Por favor tome nota",
		"clock.minutes": "El reloj del teléfono estaba mal por minutos. La hora es aproximada.",
		"clock.hours":   "El reloj del teléfono estaba mal por horas. La hora no es segura.",
		"clock.days":    "El reloj del teléfono estaba mal por días. El día y la hora no son seguros.",
		"sign":          "Señal", "basis.saw": "lo vio", "basis.told": "se lo contaron", "note": "En palabras de quien lo vio", "addendum": "Agregado después",
		"people": "Cuántas personas", "person": "Persona", "minor": "Edad", "minor.text": "Puede haber alguien menor de 18 años.",
		"vehicle": "Vehículo", "plate": "placa", "plate.end": "que termina en",
		"counts": "Señales", "weight.emergency": "de emergencia", "weight.strong": "fuertes", "weight.context": "débiles por sí solas", "reason": "Por qué lo pasamos",

		"age.child": "niña o niño", "age.teen": "adolescente", "age.adult": "persona adulta", "age.unsure": "edad no segura", "age.": "",
		"kind.van": "camioneta cerrada (van)", "kind.semi": "tráiler", "kind.suv": "SUV", "kind.pickup": "camioneta (pickup)", "kind.car": "carro", "kind.truck": "camión",
		"kind.bus": "autobús", "kind.rv": "casa rodante", "kind.motorcycle": "moto", "kind.trailer": "remolque",
		"color.white": "blanco", "color.black": "negro", "color.silver": "plateado", "color.gray": "gris", "color.grey": "gris", "color.blue": "azul", "color.green": "verde",
		"color.red": "rojo", "color.maroon": "guinda", "color.brown": "café", "color.yellow": "amarillo", "color.orange": "anaranjado", "color.gold": "dorado", "color.tan": "beige",
		"look.tired": "con cansancio", "look.limping": "cojea",
		"venue.hotel": "hotel", "venue.truck_stop": "parada de camiones", "venue.public_place": "lugar público", "venue.private_home": "casa", "venue.care_home": "casa de cuidado",
		"venue.commercial_building": "edificio comercial", "venue.school": "escuela", "venue.construction_site": "obra", "venue.transit": "transporte público",
		"venue.online": "en internet", "venue.store": "tienda", "venue.landscaping": "jardinería", "venue.salon": "salón de belleza", "venue.massage_business": "negocio de masajes",
		"venue.religious_community": "comunidad religiosa", "venue.factory": "fábrica", "venue.farm": "campo o granja", "venue.health_care": "centro de salud",
		"venue.restaurant": "restaurante", "venue.fair": "feria", "venue.traveling_sales": "ventas de puerta en puerta",
		"channel.call": "una llamada", "channel.web_form": "un formulario de internet", "channel.text": "un mensaje de texto", "channel.chat": "un chat", "channel.in_person": "en persona",
		"day.0": "domingo", "day.1": "lunes", "day.2": "martes", "day.3": "miércoles", "day.4": "jueves", "day.5": "viernes", "day.6": "sábado",
		"month.1": "enero", "month.2": "febrero", "month.3": "marzo", "month.4": "abril", "month.5": "mayo", "month.6": "junio",
		"month.7": "julio", "month.8": "agosto", "month.9": "septiembre", "month.10": "octubre", "month.11": "noviembre", "month.12": "diciembre",

		"column.id": "Reporte", "column.kind": "Tipo", "column.happened": "Pasó", "column.until": "Hasta", "column.arrived": "Llegó", "column.clock": "Reloj",
		"column.organization": "Organización", "column.site": "Lugar", "column.venue": "Tipo de lugar", "column.cell": "Zona (celda aproximada)", "column.latitude": "Latitud",
		"column.longitude": "Longitud", "column.checklist": "Lista", "column.version": "Versión", "column.signs": "Señales", "column.emergency_signs": "Señales de emergencia",
		"column.strong_signs": "Señales fuertes", "column.context_signs": "Señales débiles por sí solas", "column.people": "Cuántas personas", "column.persons": "Personas",
		"column.minor_possible": "Puede haber alguien menor de 18", "column.vehicles": "Vehículos", "column.outreach": "Se entregó",
		"column.manager_involved": "Puede que un gerente esté involucrado", "column.urgency": "Urgencia", "column.status": "Estado", "column.closed_as": "Cerrado como",
		"column.opened": "Abierto", "column.note": "En palabras de quien lo vio", "kind.of.observations": "observación", "kind.of.submissions": "lista", "answer.yes": "sí",
		"answer.no": "no", "answer.unsure": "no sé", "triage.open": "abierto", "triage.emergency": "emergencia", "triage.review": "revisión", "triage.context": "contexto",
		"triage.closed": "cerrado", "closed.insufficient": "no alcanza", "closed.duplicate": "duplicado", "closed.explained": "explicado", "closed.no_basis": "sin base",
		"closed.referred": "referido",
	},
}

// Shared says what happens with what is told to the HSI tip line, in "en" or
// "es".
func Shared(locale string) string {
	if words, ok := wordsOf[locale]; ok {
		return words["before.shared"]
	}
	return wordsOf["en"]["before.shared"]
}
