/**
 * What a workbook has that a checklist does not take, by the permanent codes of
 * the server, and what to do. In English the server says it itself, with what it
 * found. Awaiting review by native speakers and practitioners (R25).
 */
export const workbookEs: Readonly<Record<string, readonly [what: string, next: string]>> = {
  unreadable_workbook: ['no se puede leer el archivo', 'Guarde el libro como .xlsx, sin contraseña, y pruebe otra vez.'],
  workbook_too_big: ['el libro es demasiado grande', 'Quite lo que no es parte del formulario: imágenes, otras hojas, filas vacías con formato.'],
  sheet_missing: ['falta la hoja survey', 'Agregue la hoja; un formulario tiene las hojas survey, choices y settings.'],
  column_missing: ['falta una columna', 'Agregue la columna en la primera fila de la hoja.'],
  column_twice: ['dos columnas dicen lo mismo', 'Deje una de las dos columnas.'],
  column_not_taken: ['esta columna no se toma', 'Nada, si el formulario significa lo mismo sin ella.'],
  language_not_taken: ['este idioma no es de una lista de señales', 'Nada: las listas están en inglés y español.'],
  question_type: ['este tipo de pregunta no se toma', 'Pregúntelo con sí o no, o quite la fila.'],
  select_multiple: ['una pregunta con varias respuestas no se toma', 'Haga de cada opción una pregunta de sí o no, o quite la fila.'],
  repeat: ['una parte que se repite no se toma', 'Llene la lista una vez por cada una; quite la repetición.'],
  calculate: ['un cálculo no se toma', 'Escriba la condición donde se usa y quite la fila.'],
  metadata: ['esto no se pregunta', 'Nada: un reporte tiene sus propias horas y no nombra ningún teléfono.'],
  note: ['una nota no pregunta nada', 'Ponga lo que dice la nota en la ayuda de una pregunta.'],
  group_nested: ['un grupo empieza dentro de otro', 'Termine un grupo antes de empezar el siguiente.'],
  group_unbalanced: ['un grupo o una repetición no empieza o no termina', 'Ponga a cada begin_group su end_group.'],
  name: ['el nombre no sirve o está dos veces', 'Dé a cada fila un nombre propio: letras, cifras, _ . y -, primero una letra.'],
  key: ['la clave no es de una lista', 'Ponga en settings, en form_id, una palabra corta en minúsculas.'],
  choice_list: ['estas opciones no se toman', 'Use una lista con las opciones yes y no, y unsure si quiere, con esos nombres.'],
  choice_label: ['la respuesta dice lo que dice en todas las listas', 'Escriba la pregunta de modo que se conteste con Sí, No y No sé.'],
  translation_missing: ['falta el texto en un idioma', 'Escriba el texto en ese idioma.'],
  text: ['el texto es demasiado largo o toma una respuesta', 'Escriba texto simple de hasta 400 caracteres, sin ${...}.'],
  condition: ['la condición no se entiende', 'Use ${nombre}, textos entre comillas rectas, = != < <= > >=, and, or, not() y selected().'],
  condition_reference: ['la condición nombra una pregunta que no está arriba o que no se toma', 'Nombre solo preguntas de más arriba que se tomaron.'],
  required_condition: ['aquí va sí o no', 'Escriba yes o no.'],
  form: ['una lista de señales no puede ser así', 'Cómo tiene que ser una lista: docs/CONTENT.md'],
  answer_added: ['a las respuestas les faltaba unsure; la lista lo tiene', 'Nada: quien no sabe lo puede decir.'],
  group_added: ['estas preguntas no estaban en ningún grupo; el borrador las pone en uno', 'Dé nombre al grupo en el borrador, o ponga las preguntas en un grupo propio.'],
};
