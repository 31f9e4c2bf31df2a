// The words of the question, and of what the widget asks after it; a site replaces them in src/content/i18n/.
const NAMES = [
  'question', 'yes', 'no', 'thanks', 'send', 'sending', 'failed', 'choose', 'more', 'why_0', 'why_1', 'findability_0',
  'findability_1', 'clarity_0', 'clarity_1', 'accuracy_0', 'accuracy_1', 'out_of_date_0', 'other',
];
const WORDS = {
  en: [
    'Was this page helpful?', 'Yes', 'No', 'Thank you! The team reads every answer.', 'Send', 'Sending …',
    'Not sent. Your words are still here; please try again.', 'Please choose an answer, or write a few words first.',
    'Tell us more (optional)', 'What went wrong?', 'What helped?', 'I could not find what I need', 'It was easy to find',
    'It is hard to understand', 'It is easy to understand', 'It is wrong, or does not work', 'It is right, and it worked',
    'It is out of date', 'Something else',
  ],
  de: [
    'War diese Seite hilfreich?', 'Ja', 'Nein', 'Danke! Das Team liest jede Antwort.', 'Senden', 'Wird gesendet …',
    'Nicht gesendet. Der Text ist noch da; bitte noch einmal versuchen.', 'Bitte erst etwas auswählen oder ein paar Worte schreiben.',
    'Mehr dazu (freiwillig)', 'Was war nicht gut?', 'Was hat geholfen?', 'Ich finde nicht, was ich brauche', 'Es war leicht zu finden',
    'Es ist schwer zu verstehen', 'Es ist leicht zu verstehen', 'Es ist falsch oder funktioniert nicht', 'Es stimmt und hat funktioniert',
    'Es ist veraltet', 'Etwas anderes',
  ],
  es: [
    '¿Te ha sido útil esta página?', 'Sí', 'No', '¡Gracias! El equipo lee todas las respuestas.', 'Enviar', 'Enviando …',
    'No se ha enviado. El texto sigue aquí; inténtalo de nuevo.', 'Elige primero una respuesta o escribe unas palabras.',
    'Cuéntanos más (opcional)', '¿Qué ha fallado?', '¿Qué te ha ayudado?', 'No encuentro lo que necesito', 'Fue fácil de encontrar',
    'Es difícil de entender', 'Es fácil de entender', 'Es incorrecto o no funciona', 'Es correcto y funcionó',
    'Está desactualizado', 'Otra cosa',
  ],
  fr: [
    'Cette page vous a-t-elle été utile ?', 'Oui', 'Non', 'Merci ! L’équipe lit toutes les réponses.', 'Envoyer', 'Envoi …',
    'Non envoyé. Votre texte est toujours là ; veuillez réessayer.', 'Choisissez d’abord une réponse ou écrivez quelques mots.',
    'Dites-nous en plus (facultatif)', 'Qu’est-ce qui n’allait pas ?', 'Qu’est-ce qui vous a aidé ?',
    'Je ne trouve pas ce qu’il me faut', 'C’était facile à trouver', 'C’est difficile à comprendre', 'C’est facile à comprendre',
    'C’est faux ou ne fonctionne pas', 'C’est juste et cela a fonctionné', 'C’est obsolète', 'Autre chose',
  ],
  it: [
    'Questa pagina ti è stata utile?', 'Sì', 'No', 'Grazie! Il team legge ogni risposta.', 'Invia', 'Invio in corso …',
    'Non inviato. Il testo è ancora qui; riprova.', 'Scegli prima una risposta o scrivi qualche parola.',
    'Dicci di più (facoltativo)', 'Che cosa non andava?', 'Che cosa ti ha aiutato?', 'Non trovo quello che mi serve', 'È stato facile da trovare',
    'È difficile da capire', 'È facile da capire', 'È sbagliato o non funziona', 'È corretto e ha funzionato', 'Non è aggiornato', 'Altro',
  ],
  ja: [
    'このページは役に立ちましたか？', 'はい', 'いいえ', 'ありがとうございます。すべての回答に目を通しています。', '送信', '送信中 …',
    '送信できませんでした。入力内容は残っています。もう一度お試しください。', '回答を選ぶか、ひとこと入力してください。',
    '詳しく教えてください（任意）', '何が問題でしたか？', '何が役に立ちましたか？', '必要な情報が見つからない', 'すぐに見つかった',
    'わかりにくい', 'わかりやすい', '間違っている、または動かない', '正しく、うまくいった', '情報が古い', 'その他',
  ],
  ko: [
    '이 페이지가 도움이 되었나요?', '예', '아니요', '감사합니다! 모든 답변을 읽습니다.', '보내기', '보내는 중 …',
    '보내지 못했습니다. 입력한 내용은 그대로 있으니 다시 시도해 주세요.', '답을 고르거나 몇 마디 적어 주세요.',
    '더 알려 주세요 (선택)', '무엇이 문제였나요?', '무엇이 도움이 되었나요?', '필요한 내용을 찾을 수 없다', '쉽게 찾았다',
    '이해하기 어렵다', '이해하기 쉽다', '틀렸거나 작동하지 않는다', '정확하고 잘 작동했다', '오래된 내용이다', '기타',
  ],
  nl: [
    'Was deze pagina nuttig?', 'Ja', 'Nee', 'Bedankt! Het team leest elk antwoord.', 'Versturen', 'Wordt verstuurd …',
    'Niet verstuurd. De tekst staat er nog; probeer het opnieuw.', 'Kies eerst een antwoord of schrijf een paar woorden.',
    'Vertel ons meer (optioneel)', 'Wat ging er mis?', 'Wat hielp?', 'Ik kan niet vinden wat ik zoek', 'Het was makkelijk te vinden',
    'Het is moeilijk te begrijpen', 'Het is makkelijk te begrijpen', 'Het klopt niet of werkt niet', 'Het klopt en het werkte',
    'Het is verouderd', 'Iets anders',
  ],
  pl: [
    'Czy ta strona była pomocna?', 'Tak', 'Nie', 'Dziękujemy! Zespół czyta każdą odpowiedź.', 'Wyślij', 'Wysyłanie …',
    'Nie wysłano. Tekst nadal tu jest; spróbuj ponownie.', 'Najpierw wybierz odpowiedź lub napisz kilka słów.',
    'Napisz więcej (opcjonalnie)', 'Co było nie tak?', 'Co pomogło?', 'Nie mogę znaleźć tego, czego potrzebuję', 'Łatwo było znaleźć',
    'Trudno to zrozumieć', 'Łatwo to zrozumieć', 'Jest błędne lub nie działa', 'Jest poprawne i zadziałało', 'Jest nieaktualne', 'Coś innego',
  ],
  'pt-BR': [
    'Esta página foi útil?', 'Sim', 'Não', 'Obrigado! A equipe lê todas as respostas.', 'Enviar', 'Enviando …',
    'Não foi enviado. Seu texto continua aqui; tente de novo.', 'Escolha uma resposta ou escreva algumas palavras antes.',
    'Conte mais (opcional)', 'O que deu errado?', 'O que ajudou?', 'Não encontro o que preciso', 'Foi fácil de encontrar',
    'É difícil de entender', 'É fácil de entender', 'Está errado ou não funciona', 'Está certo e funcionou', 'Está desatualizado', 'Outra coisa',
  ],
  'zh-CN': [
    '这个页面对您有帮助吗？', '是', '否', '谢谢！团队会阅读每一条反馈。', '发送', '正在发送 …',
    '未能发送。您写的内容还在，请再试一次。', '请先选择一个答案，或写几句话。', '告诉我们更多（可选）', '哪里有问题？', '什么帮到了您？',
    '找不到我需要的内容', '很容易找到', '难以理解', '容易理解', '有错误或无法使用', '内容正确并且可用', '内容已过时', '其他',
  ],
};

export const PREFIX = 'warroom.helpful.';
export const ENGLISH = named(WORDS.en);
export const TRANSLATIONS = Object.fromEntries(
  Object.entries(WORDS).map(([language, words]) => [language, named(words, PREFIX)]),
);

function named(words, prefix = '') {
  return Object.fromEntries(NAMES.map((name, index) => [prefix + name, words[index]]));
}
