// Given names that are frequent in the Midwest, from the public counts of the
// Social Security Administration (names by decade of birth, 1950s to 2010s) and of
// Mexico's and Central America's civil registers; folded to lower case without accents.
const list = `
aaron abigail abraham adam adan addison adela adrian adriana agustin aidan aiden alan alana alberto alejandra alejandro alex alexa alexander alexandra alexis alfonso alfredo alice alicia alison allen allison alma alonso
alvaro alyssa amanda amber amelia amy ana anabel andre andrea andres andrew andy angela angelica angelina anita ann anna anne anthony antonio april araceli ariana armando arthur arturo ashley aubrey audrey aurora austin ava
barbara beatriz becky benjamin bernardo beto betty beverly bianca blanca bob bobby bonnie brad bradley brandi brandon brayan brenda brent brett brian briana brianna brittany brooke bruce bryan
caitlin caleb cameron camila candice carl carla carlos carmen carol carolina caroline carolyn carrie cassandra catalina catherine cecilia celia cesar chad charles charlotte chelsea cheryl chloe chris christian christina christine
christopher cindy claire clara claudia clayton cody colleen colton connie connor consuelo corey cory courtney craig cristian cristina crystal curtis cynthia
dale daisy dana daniel daniela danielle danny darlene darrell darren dave david dawn dean deborah debra delia denise dennis derek desiree destiny devin devon diana diane diego dominic donald donna doris dorothy douglas duane dulce
dustin dwayne dylan
eddie edgar edith eduardo edward edwin efrain eileen elaine elena eli elias elijah elisa elizabeth ella ellen elmer elsa emanuel emiliano emilio emily emma enrique eric erica erick erik erika ernesto erin esmeralda esperanza
esteban estela esther ethan eugene eva evan evelyn
fabian fatima federico felicia felipe felix fernanda fernando fidel flor florencia frances francisca francisco frank fred freddy frederick
gabriel gabriela gail gary gavin genesis george gerald gerardo gilberto gina giselle gladys glenn gloria gonzalo gordon graciela greg gregory gregorio griselda guadalupe guillermo gustavo
hailey hannah harold harry hayden heather hector heidi helen henry herbert heriberto hernan hilda holly howard hugo humberto
ian ignacio irene iris irma isaac isabel isabella isaiah ismael israel ivan
jack jackie jackson jacob jacqueline jaime jake jamal james jamie jane janet janice jasmine jason javier jay jayden jean jeff jeffrey jenna jennifer jenny jeremiah jeremy jerome jerry jesse jessica jesus jill jillian jim jimmy joan
joanna joaquin joe joel john johnny jon jonathan jordan jorge jose josefina joseph josh joshua josue joyce juan juana juanita judith judy julia julian juliana julie justin
kaitlyn karen karina karla kate katelyn katherine kathleen kathryn kathy katie kayla keith kelly kelsey ken kendra kenneth kevin kim kimberly kirk kristen kristin kristina kyle kylie
lance larry latoya laura lauren laurie lawrence leah lee leo leon leonardo leonel leroy leslie leticia levi liam lidia lillian lily linda lindsay lindsey lisa liz logan lois lola loretta lori lorena lorraine louis lourdes lucas lucia
luciana luis luisa luke lupe lupita luz lydia lynn
mackenzie madeline madison magdalena makayla manny manuel marc marcela marcia marco marcos marcus margaret margarita maria mariana maribel marie mario marilyn marina mario marisol mark marlene marta martha martin marvin mary mason
mateo mathew matt matthew maureen mauricio max maya megan melanie melissa melody mercedes micaela michael michele michelle miguel mike mildred milton mindy miranda miriam misty mitchell moises molly monica monique morgan moses myrna
nancy natalia natalie natasha nathan nathaniel neil nelson nestor nicholas nick nicolas nicole nina noah noe noel noelia nora norma norman
octavio olga olivia omar orlando oscar osvaldo owen
pablo paige pam pamela paola pat patricia patrick paul paula paulina pedro peggy penny perla pete peter phil philip phillip phyllis pilar priscilla
quentin
rachel rafael ralph ramiro ramon randall randy raquel raul ray raymond rebecca regina rene renee reyna reynaldo rhonda ricardo richard rick ricky rigoberto rita rob robert roberta roberto robin rocio rodney rodolfo rodrigo rogelio roger roland
rolando roman ron ronald ronnie rosa rosalba rosario rose rosemary ross roxana roy ruben rubi russell ruth ryan
sabrina salvador sam samantha samuel sandra sandy santiago santos sara sarah saul scott sean sebastian selena sergio seth shane shannon sharon shaun shawn sheila shelby shelly sherry shirley silvia simon socorro sofia soledad sonia sonya
sophia sophie stacey stacy stanley stella stephanie stephen steve steven stuart sue susan susana suzanne sylvia
tamara tammy tanya tara taylor teresa teri terrence terri terry theodore theresa thomas tiffany tim timothy tina todd tom tomas tommy toni tony tonya tracey tracy travis trevor tricia trinidad tristan troy tyler tyrone
uriel ursula
valentina valeria valerie vanessa vernon veronica vicente vicki victor victoria vincent violeta virginia vivian viviana
wade walter wanda warren wayne wendy wesley whitney will william willie wilmer
xavier ximena xiomara
yadira yamileth yesenia yolanda yvette yvonne
zachary zoe zoila
`;

const pieces = (text: string): string => text.trim().replace(/\s+/g, ' ');

// Of them, those that are words too, in English or Spanish, or places: only a
// capital inside of a sentence makes them a name.
const words = `
alma amber april aurora austin bob brad bonnie brooke candice carol cesar chad charlotte crystal daisy dale dana dawn dean destiny devon diego dulce esperanza fatima flor frank gail genesis glenn gloria guadalupe
harry heather holly hugo iris israel jack jackson jane jay jean jesus jordan joy kim kirk lance laurel lee lily lola lourdes luz lynn madison magdalena marcia mark mason max melody mercedes misty moses nick noel nelson norma
orlando paige pam pat peggy penny perla pilar ray regina reyna rita rob robin rocio rosa rosario rose ross roy salvador sandy santiago santos selena sherry socorro sol soledad sue taylor tony trinidad troy tyler victoria violeta
virginia wade warren wayne will
`;

/** The names as they go into the app's content: folded, with a space between. */
export const names = { given: pieces(list), ambiguous: pieces(words) };
